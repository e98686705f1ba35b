// Calls in the style of the project and hub APIs (conat-core §15.2, §15.5).

import { ConatError } from "./errors.mjs";

export async function call(client, subject, name, ...args) {
  const options = { waitForInterest: true };
  const { value } = await client.request(subject, { name, args }, options);
  if (value?.error) throw new ConatError(value.error);
  return value;
}

// Answers calls with the functions of an object, until unsubscribed.
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
