// The way into a project that does not run yet: start it, show how far it is, go there.

import { pause, send, show } from "./api.js";

const POLL_MS = 300;
const section = document.querySelector(".opening");
const bar = section.querySelector("progress");
const status = document.getElementById("status");
const message = document.getElementById("message");
const again = document.getElementById("again");
const path = `api/projects/${section.dataset.project}`;

async function open() {
  again.hidden = true;
  show(message, "");
  try {
    let project = await (await send("POST", `${path}/start`)).json();
    while (project.state !== "running") {
      if (project.state === "opened") {
        throw new Error(project.error ?? "The project stopped. Try again.");
      }
      bar.value = project.progress?.percent ?? 0;
      show(status, project.progress?.message ?? "Starting");
      await pause(POLL_MS);
      project = await (await send("GET", path)).json();
    }
    bar.value = 100;
    show(status, "Opening");
    location.replace(section.dataset.lab);
  } catch (error) {
    show(status, "");
    show(message, error.message);
    again.hidden = false;
  }
}

again.addEventListener("click", open);
open();
