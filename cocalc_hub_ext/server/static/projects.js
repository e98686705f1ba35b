// The projects page: the server renders the list, this sends what is clicked and keeps it fresh.

import { pause, prefix, send, show } from "./api.js";

const BUSY_MS = 500;
const QUIET_MS = 5000;
const list = document.getElementById("projects");
const message = document.getElementById("message");
const status = document.getElementById("status");
let shown = list.innerHTML;

const actions = {
  create: (form) => send("POST", "api/projects", { title: form.elements.title.value }),
  start: (_, id) => send("POST", `api/projects/${id}/start`),
  stop: (_, id) => send("POST", `api/projects/${id}/stop`),
  add: (form, id) =>
    send("POST", `api/projects/${id}/members`, { name: form.elements.name.value }),
  remove: (button, id) =>
    send("DELETE", `api/projects/${id}/members/${encodeURIComponent(button.dataset.name)}`),
  open: (_, id) => location.assign(`${prefix}open/${id}`),
};

async function act(element) {
  const question = element.dataset.confirm;
  if (question && !confirm(question)) {
    return;
  }
  const buttons = element.matches("form") ? element.querySelectorAll("button") : [element];
  buttons.forEach((button) => (button.disabled = true));
  show(message, "");
  try {
    await actions[element.dataset.action](element, element.closest("[data-project]")?.dataset.project);
    if (element.matches("form")) {
      element.reset();
    }
    await refresh();
  } catch (error) {
    show(message, error.message);
    message.scrollIntoView({ block: "nearest" });
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button) {
    act(button);
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-action]");
  if (form) {
    event.preventDefault();
    act(form);
  }
});

async function refresh() {
  const html = await (await send("GET", "list")).text();
  if (html === shown) {
    return;
  }
  const keep = remember();
  list.innerHTML = shown = html;
  restore(keep);
  announce();
}

// What a person is in the middle of must survive a new list.
function remember() {
  const open = [...list.querySelectorAll("details[open]")].map((details) => {
    const input = details.querySelector("input");
    return { id: input.id, value: input.value, focused: input === document.activeElement };
  });
  const label = list.contains(document.activeElement) && document.activeElement.ariaLabel;
  return { open, label };
}

function restore({ open, label }) {
  for (const { id, value, focused } of open) {
    const input = document.getElementById(id);
    if (input) {
      input.closest("details").open = true;
      input.value = value;
      if (focused) {
        input.focus();
      }
    }
  }
  if (label) {
    [...list.querySelectorAll("[aria-label]")].find((each) => each.ariaLabel === label)?.focus();
  }
}

function announce() {
  const starting = list.querySelector('[data-state="starting"] h2');
  status.textContent = starting ? `Starting ${starting.textContent}` : "List updated";
}

function isBusy() {
  return list.querySelector('[data-state="starting"], [data-state="stopping"]') !== null;
}

async function keepFresh() {
  for (;;) {
    await pause(isBusy() ? BUSY_MS : QUIET_MS);
    if (!document.hidden) {
      await refresh().catch((error) => show(message, error.message));
    }
  }
}

// A page that comes back from the browser's cache shows the past.
addEventListener("pageshow", (event) => event.persisted && location.reload());
keepFresh();
