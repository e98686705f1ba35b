// Values that are waited for, in order.

export class Queue {
  #values = [];
  #waiting = [];

  put(value) {
    if (this.#waiting.length > 0) this.#waiting.shift()(value);
    else this.#values.push(value);
  }

  next() {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get length() {
    return this.#values.length;
  }
}

export async function take(queue, count) {
  const values = [];
  while (values.length < count) values.push(await queue.next());
  return values;
}
