// Light, dark, or as the device says: remembered in localStorage, chosen in the foot of the page.
// Not a module: it runs in <head> before anything is painted, so that a dark page never flashes white.
{
  const root = document.documentElement;
  const read = () => {
    try {
      return localStorage.getItem("theme") || "";
    } catch {
      return ""; // Storage is switched off; the device's choice holds.
    }
  };
  const apply = (theme) => (theme ? (root.dataset.theme = theme) : delete root.dataset.theme);

  apply(read());
  addEventListener("storage", (event) => event.key === "theme" && apply(event.newValue));

  document.addEventListener("DOMContentLoaded", () => {
    const chooser = document.querySelector("[data-theme-chooser]");
    if (!chooser) return;
    for (const radio of chooser.querySelectorAll("input")) radio.checked = radio.value === read();
    chooser.hidden = false;
    chooser.addEventListener("change", ({ target }) => {
      apply(target.value);
      try {
        if (target.value) localStorage.setItem("theme", target.value);
        else localStorage.removeItem("theme");
      } catch {
        // It then holds for this page only.
      }
    });
  });
}
