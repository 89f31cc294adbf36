// More sections and lectures, a look at the poster, and the length of a video before it is sent.
const MOST_LECTURES = 100; // in all: the server takes 1,000 fields in one form

const form = document.querySelector("[data-createcourse]");
const sections = form.querySelector("[data-sections]");
const lectureTemplate = form.querySelector("[data-lecture-template]");
const sectionTemplate = form.querySelector("[data-section-template]");
const addSectionButton = form.querySelector("[data-add-section]");

const counter = (container, prefix) => container.querySelector(`input[name="${prefix}-TOTAL_FORMS"]`);
const lectureCounter = (section) => section.querySelector('input[name$="-lectures-TOTAL_FORMS"]');
const indexOf = (section) => lectureCounter(section).name.match(/^sections-(\d+)-/)[1];
const isEmpty = (lecture) => [...lecture.querySelectorAll("input")].every((input) => (input.type === "checkbox" ? !input.checked : !input.value));

const filled = (template, replacements) => {
  const holder = document.createElement("template");
  let html = template.innerHTML;
  for (const [from, to] of replacements) html = html.replaceAll(from, to);
  holder.innerHTML = html;
  return holder.content.firstElementChild;
};

const enhance = (section) => {
  section.querySelector("[data-add-lecture]").hidden = false;
  for (const lecture of section.querySelectorAll("[data-lecture]")) {
    lecture.querySelector("[data-remove-lecture]").parentElement.hidden = false;
  }
  const empty = [...section.querySelectorAll("[data-lecture]")].filter(isEmpty);
  const keep = empty.length === section.querySelectorAll("[data-lecture]").length ? 1 : 0;
  for (const lecture of empty.slice(keep)) lecture.remove();
};

const refresh = () => {
  const isFull = form.querySelectorAll("[data-lecture]").length >= MOST_LECTURES;
  for (const button of form.querySelectorAll("[data-add-lecture], [data-add-section]")) button.disabled = isFull;
  for (const section of sections.querySelectorAll("[data-section]")) {
    const { value } = lectureCounter(section);
    const most = section.querySelector('input[name$="-lectures-MAX_NUM_FORMS"]').value;
    if (Number(value) >= Number(most)) section.querySelector("[data-add-lecture]").disabled = true;
  }
  const total = counter(form, "sections");
  const most = form.querySelector('input[name="sections-MAX_NUM_FORMS"]');
  if (Number(total.value) >= Number(most.value)) addSectionButton.disabled = true;
};

const addLecture = (section) => {
  const total = lectureCounter(section);
  const index = indexOf(section);
  const lecture = filled(lectureTemplate, [["sections-__prefix__-lectures-__prefix__", `sections-${index}-lectures-${total.value}`]]);
  total.value = Number(total.value) + 1;
  section.querySelector("[data-lectures]").append(lecture);
  lecture.querySelector("[data-remove-lecture]").parentElement.hidden = false;
  lecture.querySelector("input").focus();
};

const addSection = () => {
  const total = counter(form, "sections");
  const section = filled(sectionTemplate, [["sections-__prefix__", `sections-${total.value}`]]);
  total.value = Number(total.value) + 1;
  sections.append(section);
  enhance(section);
  const title = section.querySelector('input[name$="-title"]');
  title.focus();
  title.select();
};

const removeLecture = (lecture) => {
  const section = lecture.closest("[data-section]");
  lecture.querySelector('[data-upload][data-state="running"] button')?.click(); // cancels
  lecture.remove();
  section.querySelector("[data-add-lecture]").focus();
};

const showPoster = (box, file) => {
  const old = box.querySelector("img");
  if (old) URL.revokeObjectURL(old.src);
  old?.remove();
  if (!file) return;
  const image = document.createElement("img");
  image.className = "upload__preview";
  image.alt = "The chosen poster";
  image.addEventListener("error", () => image.remove());
  image.src = URL.createObjectURL(file);
  box.append(image);
};

const measure = (lecture, file) => {
  const length = lecture.querySelector('input[name$="-length"]');
  if (!file || !length) return;
  const video = document.createElement("video");
  video.preload = "metadata";
  video.addEventListener("loadedmetadata", () => {
    if (Number.isFinite(video.duration)) length.value = clock(Math.max(1, Math.round(video.duration)));
    URL.revokeObjectURL(video.src);
  });
  video.src = URL.createObjectURL(file);
};

const clock = (seconds) => {
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
};

form.addEventListener("click", ({ target }) => {
  if (target.closest("[data-add-section]")) addSection();
  else if (target.closest("[data-add-lecture]")) addLecture(target.closest("[data-section]"));
  else if (target.closest("[data-remove-lecture]")) removeLecture(target.closest("[data-lecture]"));
  else return;
  refresh();
});

form.addEventListener("change", ({ target }) => {
  const box = target.closest('[data-upload="poster"], [data-upload="video"]');
  if (!box || target.type !== "file") return;
  if (box.dataset.upload === "poster") showPoster(box, target.files[0]);
  else measure(box.closest("[data-lecture]"), target.files[0]);
});

addSectionButton.hidden = false;
for (const section of sections.querySelectorAll("[data-section]")) enhance(section);
refresh();
