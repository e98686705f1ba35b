// What a server or a peer refuses, as an error with its code (conat-core §3.3).

export class ConatError extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

// Return an answer, or throw the error it is.
export function checked(answer) {
  if (answer?.error !== undefined) throw new ConatError(answer.error, answer.code);
  return answer;
}

export async function codeOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error.code;
  }
  throw new Error("it succeeded");
}
