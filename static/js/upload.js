// Sends a chosen file straight to the store, in parts that survive a lost connection and a reloaded page
// (docs/media.md has the protocol). Without this file the form carries the files itself.
const AT_ONCE = 3;
const ATTEMPTS = 8;
const MEMORY = "coursebundler-upload:";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const online = () => navigator.onLine || new Promise((resolve) => addEventListener("online", resolve, { once: true }));
const megabytes = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

// What the person should read and trying again would not change.
class Refusal extends Error {}

class Upload {
  constructor(box) {
    this.box = box;
    this.input = box.querySelector("input[type=file]");
    this.token = box.querySelector("input[type=hidden]");
    this.state = box.querySelector("[data-upload-state]");
    this.name = this.input.name;
    this.progress = document.createElement("progress");
    this.progress.className = "progress";
    this.progress.setAttribute("aria-label", "Upload");
    this.cancelButton = document.createElement("button");
    this.cancelButton.type = "button";
    this.cancelButton.className = "button button--quiet";
    this.cancelButton.textContent = "Cancel the upload";
    this.cancelButton.addEventListener("click", () => this.cancel());
  }

  show(state, text) {
    this.box.dataset.state = state;
    if (this.state.textContent !== text) this.state.textContent = text;
    this.box.dispatchEvent(new CustomEvent("upload:state", { bubbles: true }));
  }

  async run(file) {
    this.controller?.abort();
    this.remembered = null;
    this.token.value = "";
    this.input.name = this.name;
    this.input.removeAttribute("aria-invalid");
    if (!file) return this.show("idle", "");
    const { signal } = (this.controller = new AbortController());
    this.begin(file);
    try {
      const token = await this.send(file, signal);
      this.token.value = token;
      this.input.removeAttribute("name"); // the form sends the token in its place
      this.show("done", `Uploaded: ${file.name} (${megabytes(file.size)}).`);
    } catch (error) {
      if (signal.aborted) return;
      this.controller.abort(); // the other parts need not go on
      this.input.value = "";
      const text = error instanceof Refusal ? error.message : "The upload did not work. Choose the file again to go on with it.";
      this.show("failed", text);
    } finally {
      if (this.controller.signal === signal) {
        this.progress.remove();
        this.cancelButton.remove();
      }
    }
  }

  begin(file) {
    this.progress.max = file.size;
    this.progress.value = 0;
    this.box.append(this.progress, this.cancelButton);
    this.show("running", `Uploading ${file.name} (${megabytes(file.size)}) …`);
  }

  async send(file, signal) {
    const memory = `${MEMORY}${[this.box.dataset.upload, file.name, file.size, file.lastModified].join(":")}`;
    const { token, partSize, partCount, done } = (await this.resumed(memory, signal)) ?? (await this.started(file, memory, signal));
    this.remembered = { memory, token };
    const sent = new Map(done.map((number) => [number, Math.min(partSize, file.size - (number - 1) * partSize)]));
    const missing = Array.from({ length: partCount }, (_, index) => index + 1).filter((number) => !sent.has(number));
    const report = (number, bytes) => {
      sent.set(number, bytes);
      this.progress.value = [...sent.values()].reduce((sum, size) => sum + size, 0);
    };
    const worker = async () => {
      for (let number; (number = missing.shift()); ) {
        const part = file.slice((number - 1) * partSize, number * partSize);
        await this.patiently(signal, () => this.sendPart(token, number, part, signal, report));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    try {
      await this.patiently(signal, () => this.ask("finish", { token }, signal));
    } catch (error) {
      if (error instanceof Refusal) localStorage.removeItem(memory);
      throw error;
    }
    return token;
  }

  async started(file, memory, signal) {
    const wanted = { kind: this.box.dataset.upload, name: file.name, size: file.size, type: file.type };
    const answer = await this.patiently(signal, () => this.ask("start", wanted, signal));
    const upload = { token: answer.token, partSize: answer.part_size, partCount: answer.part_count };
    localStorage.setItem(memory, JSON.stringify(upload));
    return { ...upload, done: [] };
  }

  // The same file was begun before, perhaps on this page before it was reloaded; null if the store has forgotten it.
  async resumed(memory, signal) {
    const upload = JSON.parse(localStorage.getItem(memory));
    if (!upload) return null;
    try {
      const { done } = await this.patiently(signal, () => this.ask("parts", { token: upload.token }, signal));
      return { ...upload, done };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      localStorage.removeItem(memory);
      return null;
    }
  }

  async patiently(signal, attempt) {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (signal.aborted || error instanceof Refusal || count === ATTEMPTS) throw error;
        this.show("running", "The connection is interrupted. Trying again …");
        await pause(Math.min(30000, 500 * 2 ** count) * (0.5 + Math.random() / 2));
        await online();
        signal.throwIfAborted();
        this.show("running", "Uploading …");
      }
    }
  }

  async ask(what, body, signal) {
    const response = await fetch(this.box.dataset[what], {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": this.input.form.elements.csrfmiddlewaretoken.value },
      body: JSON.stringify(body),
      redirect: "manual",
      signal,
    });
    if (response.type === "opaqueredirect") throw new Refusal("You are logged out. Please log in in another tab and choose the file again.");
    if (response.ok) return response.json();
    if (response.status >= 500) throw new Error(response.status);
    const answer = response.headers.get("Content-Type")?.includes("json") ? await response.json() : {};
    throw new Refusal(answer.message ?? "You may not upload this file.");
  }

  // Every attempt asks for a new address: the last one may have expired while the connection was away.
  async sendPart(token, number, part, signal, report) {
    const { urls } = await this.ask("parts", { token, numbers: [number] }, signal);
    await new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch does not say how far it has come
      const stop = () => request.abort();
      const fail = () => {
        report(number, 0);
        reject(new Error(`part ${number}: ${request.status}`));
      };
      signal.addEventListener("abort", stop);
      request.upload.addEventListener("progress", ({ loaded }) => report(number, loaded));
      request.addEventListener("load", () => (request.status < 300 ? resolve(report(number, part.size)) : fail()));
      for (const kind of ["error", "abort", "timeout"]) request.addEventListener(kind, fail);
      request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
      request.open("PUT", urls[number]);
      request.timeout = 600000;
      request.send(part);
    });
  }

  cancel() {
    this.controller.abort();
    this.progress.remove();
    this.cancelButton.remove();
    this.input.value = "";
    this.show("idle", "The upload was cancelled.");
    this.input.focus();
    if (!this.remembered) return;
    localStorage.removeItem(this.remembered.memory);
    this.ask("cancel", { token: this.remembered.token }).catch(() => {}); // else it is deleted after a day
  }
}

const uploads = new WeakMap();

// A box is taken up when something in it is first chosen, so rows that are added later need nothing.
document.addEventListener("change", ({ target }) => {
  const box = target.closest("[data-upload]");
  if (!box || target.type !== "file") return;
  if (!uploads.has(box)) uploads.set(box, new Upload(box));
  uploads.get(box).run(target.files[0]);
});

const RUNNING = '[data-upload][data-state="running"]';

// A form that is sent while a file is on its way would send that file again, through the server.
document.addEventListener("submit", (event) => {
  const running = event.target.querySelector(RUNNING);
  if (!running) return;
  event.preventDefault();
  const state = event.target.querySelector("[data-form-state]") ?? running.querySelector("[data-upload-state]");
  state.textContent = "Please wait until the files are uploaded.";
});

document.addEventListener("upload:state", ({ target }) => {
  const form = target.closest("form");
  const state = form?.querySelector("[data-form-state]");
  if (state?.textContent && !form.querySelector(RUNNING)) state.textContent = "Nothing is being uploaded any more. You can save.";
});

addEventListener("beforeunload", (event) => {
  if (document.querySelector(RUNNING)) event.preventDefault();
});
