// Requests to the service, on behalf of the page that is shown.

const meta = (name) => document.querySelector(`meta[name="cocalc-${name}"]`).content;

export const prefix = meta("prefix");

// Resolves to the response; rejects with an Error whose message is for the reader.
export async function send(method, path, body) {
  let response;
  try {
    response = await fetch(prefix + path, {
      method,
      headers: { "Content-Type": "application/json", "X-XSRFToken": meta("xsrf") },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Error("The hub does not answer. Check your connection; this page tries again.");
  }
  if (!response.ok) {
    throw new Error(await reason(response));
  }
  return response;
}

async function reason(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The hub answered ${response.status} ${response.statusText}. Try again in a moment.`;
  }
}

export function show(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
