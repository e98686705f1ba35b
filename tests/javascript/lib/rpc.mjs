// Calls in the style of services (conat-core §15.2, §15.5) and in that of clients (§10.6).

import { ConatError } from "./errors.mjs";

export async function call(client, subject, name, ...args) {
  const options = { waitForInterest: true };
  const { value } = await client.request(subject, { name, args }, options);
  if (value?.error) throw new ConatError(value.error);
  return value;
}

export async function rpc(client, subject, name, ...args) {
  const { value, headers } = await client.request(subject, [name, args]);
  if (headers?.error) throw new ConatError(headers.error, headers.code);
  return value;
}

// Answers calls of `rpc` with the functions of an object, until unsubscribed.
export async function serveRpc(client, subject, functions) {
  const answer = async (request) => {
    const [name, args] = request.value;
    try {
      if (!Object.hasOwn(functions, name)) throw new Error(`${name} not defined`);
      await client.respond(request, (await functions[name](...args)) ?? null);
    } catch (error) {
      await client.respondIfPossible(request, null, { headers: { error: String(error) } });
    }
  };
  await client.listen(subject, answer, "0");
}

// Answers calls of `call` with the functions of an object, until unsubscribed.
export async function serve(client, subject, functions) {
  const answer = async (request) => {
    const { name, args } = request.value;
    let result;
    try {
      if (!Object.hasOwn(functions, name)) throw new Error(`unknown function '${name}'`);
      result = await functions[name](...args);
    } catch (error) {
      result = { error: String(error) };
    }
    await client.respond(request, result ?? null);
  };
  await client.listen(subject, answer, "0");
}
