// The lecture's video: it resumes, reports what was really watched, and outlives lost connections and expired addresses.
const video = document.querySelector("video[data-resume]");
const { progressUrl, viewer } = video.dataset; // Neither is there for a visitor who is not logged in.
const token = document.querySelector("#act [name=csrfmiddlewaretoken]")?.value;
const REPORT_EVERY_MS = 10_000;
const RELOAD_EVERY_MS = 60_000;
const RANGES_A_REPORT = 200; // The server takes no more at once.

// Seconds; where playing goes on after a (re)load. "Back" shows an old copy of the page; this tab knows better.
let position = Number(video.dataset.resume);
try {
  position = Math.max(position, Number(sessionStorage.getItem(progressUrl)));
} catch {
  // Storage is switched off.
}
let playing = null; // [from, to] in seconds: the stretch that is being watched now.

// --- Notes below the picture ---

const note = document.querySelector("[data-player-note]");
const say = (text) => {
  note.textContent = text;
  note.hidden = !text;
};

// --- What was watched, kept until the server has it; another person on this device has another key ---

const prefix = `progress:${viewer}:`;
const read = (url) => {
  try {
    return JSON.parse(localStorage.getItem(prefix + url)) ?? [];
  } catch {
    return [];
  }
};
const keep = (url, ranges) => {
  try {
    if (url === progressUrl) sessionStorage.setItem(url, position);
    if (ranges.length) localStorage.setItem(prefix + url, JSON.stringify(ranges));
    else localStorage.removeItem(prefix + url);
  } catch {
    // Storage is full or switched off: then it is kept as long as the page lives.
  }
};
const merge = (ranges) => {
  const merged = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before && from <= before[1]) before[1] = Math.max(before[1], to);
    else if (from < to) merged.push([from, to]);
  }
  return merged;
};

let unsent = progressUrl ? read(progressUrl) : [];

/** Moves the stretch watched so far, in whole seconds, to what is to be sent. */
const collect = () => {
  if (!playing) return;
  unsent = merge([...unsent, playing.map(Math.round)]);
  playing = [playing[1], playing[1]];
};

// --- Reporting ---

/** The server's answer, null when nothing came of it but trying again may help. */
const post = async (url, at, ranges) => {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token },
      body: JSON.stringify({ position: Math.floor(at), ranges }),
      redirect: "manual", // To the login page.
      keepalive: true,
    });
    if (answer.ok) return await answer.json();
    if (answer.status === 400 || answer.status === 404) return {}; // It will never be taken.
    if (answer.status < 500) say("Your progress is not being saved. Log in again in another tab, then reload this page.");
  } catch {
    // No connection; the next report carries it all.
  }
  return null;
};

let reported = position;
let isReporting = false;
const hasNews = () => {
  collect();
  if (!progressUrl || (!unsent.length && position === reported)) return false;
  keep(progressUrl, unsent);
  return true;
};
const report = async () => {
  if (!hasNews() || isReporting) return;
  isReporting = true;
  const [at, batch] = [position, unsent.splice(0, RANGES_A_REPORT)];
  const answer = await post(progressUrl, at, batch);
  isReporting = false;
  if (answer) reported = at;
  else unsent = merge([...batch, ...unsent]);
  keep(progressUrl, unsent);
  if (answer?.is_done) document.dispatchEvent(new CustomEvent("lecture:done", { detail: answer }));
};

/** The page may be gone in a moment: a beacon still arrives. What it carries stays kept, sending it twice is harmless. */
let lastBeacon = "";
const reportAndLeave = () => {
  if (!hasNews()) return;
  const ranges = JSON.stringify(unsent.slice(0, RANGES_A_REPORT));
  const form = new FormData();
  form.set("csrfmiddlewaretoken", token);
  form.set("position", Math.floor(position));
  form.set("ranges", ranges);
  // A page that is left is first hidden, then gone: one beacon is enough.
  if (lastBeacon !== ranges + position) navigator.sendBeacon(progressUrl, form);
  lastBeacon = ranges + position;
};

/** Other lectures' reports that never arrived. */
const reportLeftovers = async () => {
  for (const key of Object.keys(localStorage).filter((key) => key.startsWith(prefix))) {
    const url = key.slice(prefix.length);
    if (url !== progressUrl && (await post(url, 0, read(url).slice(0, RANGES_A_REPORT)))) keep(url, []);
  }
};

// --- Playing ---

const resume = () => {
  if (position > 0 && position < video.duration - 5) video.currentTime = position;
  else position = 0;
};
if (video.readyState >= HTMLMediaElement.HAVE_METADATA) resume();
video.addEventListener("loadedmetadata", resume);

video.addEventListener("timeupdate", () => {
  if (video.seeking || video.readyState === HTMLMediaElement.HAVE_NOTHING) return;
  position = video.currentTime;
  if (video.paused && !playing) return;
  playing ??= [position, position];
  playing[1] = Math.max(playing[1], position);
});
// A jump is not watching: what was watched ends where it started.
video.addEventListener("seeking", () => {
  collect();
  playing = null;
});
video.addEventListener("playing", () => say(""));
video.addEventListener("pause", report);
video.addEventListener("ended", () => {
  report();
  document.querySelector("[data-player-next]")?.removeAttribute("hidden");
});

// The address of the file expires; asking for it again gives a fresh one. Once a minute, so that a dead file is no storm.
let reloadedAt = -RELOAD_EVERY_MS;
let wasPlaying = false;
video.addEventListener("play", () => (wasPlaying = true));
video.addEventListener("pause", () => (wasPlaying = Boolean(video.error) && wasPlaying));
const reloadInTime = () => {
  const wait = Math.max(0, reloadedAt + RELOAD_EVERY_MS - performance.now());
  if (wait) say("The video cannot be loaded. Trying again in a minute.");
  setTimeout(() => {
    reloadedAt = performance.now();
    playing = null;
    video.load();
    if (wasPlaying) video.play().catch(() => {});
  }, wait);
};
video.addEventListener("error", reloadInTime);
if (video.error) reloadInTime(); // It failed before this file was here.

if (progressUrl) {
  setInterval(report, REPORT_EVERY_MS);
  addEventListener("online", report);
  addEventListener("pagehide", reportAndLeave);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && reportAndLeave());
  reportLeftovers().catch(() => {}); // Storage is switched off.
}
