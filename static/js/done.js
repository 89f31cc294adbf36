// A lecture became done, by the button or by watching: its tick appears in the curriculum and below the player.
const tick = () => {
  const icon = document.querySelector(".lecture[aria-current] .icon");
  if (!icon || icon.classList.contains("icon--done")) return;
  icon.classList.add("icon--done");
  icon.removeAttribute("aria-hidden");
  icon.setAttribute("role", "img");
  icon.setAttribute("aria-label", "Done");
  const use = icon.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#done"));
};

document.addEventListener("htmx:after:swap", () => {
  if (document.querySelector('#done[data-done="yes"]')) tick();
});

document.addEventListener("lecture:done", ({ detail }) => {
  const box = document.querySelector("#done");
  box.dataset.done = "yes";
  box.querySelector("[data-when-done]").hidden = false;
  box.querySelector("[data-when-not-done]").hidden = true;
  box.querySelector("progress").value = detail.percent;
  box.querySelector("[data-percent]").textContent = `${detail.percent} % of the course done`;
  tick();
});
