// What htmx should do when the answer is not the expected piece: log in again, or say that it did not work.
const notice = (text) => {
  let box = document.querySelector("[data-notice]");
  if (!box) {
    box = document.createElement("div");
    box.className = "messages";
    box.dataset.notice = "";
    box.setAttribute("role", "alert");
    document.querySelector("main").prepend(box);
  }
  const line = document.createElement("p");
  line.className = "alert alert--error";
  line.textContent = text;
  box.replaceChildren(line);
  box.scrollIntoView({ block: "nearest" });
};

// A POST that was sent on to the login page: come back to this page afterwards, not to the address of the POST.
document.addEventListener("htmx:before:response", (event) => {
  const { raw } = event.detail.ctx.response;
  if (!raw.redirected) return;
  event.preventDefault();
  const url = new URL(raw.url);
  if (url.searchParams.has("next")) url.searchParams.set("next", location.pathname + location.search);
  location.assign(url);
});

document.addEventListener("htmx:response:error", () => notice("That did not work. Reload the page and try again."));
document.addEventListener("htmx:error", () => notice("There is no answer. Check your connection and try again."));

// Addresses without empty fields: /courses?q=chess and not /courses?q=chess&category=&sort=newest.
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (ctx.request.method !== "GET") return;
  const standard = { sort: "newest" };
  for (const [name, value] of [...ctx.request.body]) if (value === (standard[name] ?? "")) ctx.request.body.delete(name);
});
