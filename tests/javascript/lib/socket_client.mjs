// The end of a socket that connects (conat-core §14.4, §14.7).

import { EventEmitter } from "node:events";
import { randomId } from "./codecs.mjs";
import { checked } from "./errors.mjs";
import { COMMAND, Receiver, Sender } from "./socket_flow.mjs";

export class ClientSocket extends EventEmitter {
  id = randomId();
  state = "disconnected";
  #serverSubject = null;
  #waiting = [];

  // `chooseServer` names the server (§14.9); otherwise the servers are asked for their status.
  constructor(client, subject, { maxQueueSize, chooseServer, reconnection = true } = {}) {
    super();
    this.client = client;
    this.subject = subject;
    this.chooseServer = chooseServer ?? (() => this.#statusId());
    this.reconnection = reconnection;
    this.sender = new Sender((packet) => this.#transmit(packet), maxQueueSize);
    this.receiver = new Receiver(
      (value, headers) => this.emit("data", value, headers),
      (control) => this.#command("socket", { socket: control }),
    );
    this.onLost = () => this.#lost();
    this.onReady = () => this.#reconnect();
    client.on("disconnected", this.onLost);
    client.on("ready", this.onReady);
  }

  #enter(state) {
    if (state === this.state || this.state === "closed") return;
    this.state = state;
    this.emit(state);
  }

  async connect() {
    this.#enter("connecting");
    const server = await this.chooseServer();
    this.#serverSubject ??= `${this.subject}.server.${server}.${this.id}`;
    const mine = `${this.subject}.client.${this.id}`;
    if (!this.client.subscriptions.has(mine))
      await this.client.listen(mine, (message) => this.#receive(message));
    const reply = await this.#command("connect", null);
    if (reply.value !== "connected") throw new Error(`unexpected reply ${reply.value}`);
    this.#enter("ready");
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((packet) => this.#transmit(packet));
    this.sender.resendLast();
    await this.#command("ping", null);
  }

  async #statusId() {
    return (await this.client.request(`${this.subject}.server.status`, null)).value.id;
  }

  #lost() {
    this.#enter("disconnected");
  }

  async #reconnect() {
    while (this.reconnection && this.state === "disconnected") {
      try {
        await this.connect();
      } catch {
        this.#enter("disconnected");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #transmit({ encoding, raw, headers }) {
    if (this.state !== "ready") this.#waiting.push({ encoding, raw, headers });
    else this.client.publishSync(this.#serverSubject, null, { encoding, raw, headers });
  }

  async #command(name, value) {
    const headers = { [COMMAND]: name };
    if (name === "connect" || name === "close") headers.id = this.id;
    const reply = await this.client.request(this.#serverSubject, value, {
      headers,
      timeout: 10_000,
      waitForInterest: name === "connect",
    });
    checked(reply.value);
    return reply;
  }

  #receive(message) {
    const command = message.headers?.[COMMAND];
    if (command === "close") this.#closed();
    else if (command === "ping") this.client.respondIfPossible(message, null);
    else if (command === "socket") this.#control(message);
    else if (message.headers?.["CN-Reply"]) this.emit("request", message);
    else this.receiver.receive(message);
  }

  #control(message) {
    const { emitted, missing } = message.value.socket;
    if (missing === undefined) return this.client.respondIfPossible(message, this.sender.emitted(emitted));
    const packets = this.sender.missing(missing);
    const headers = packets === null ? { error: "nodata" } : undefined;
    return this.client.respondIfPossible(message, packets, { headers });
  }

  write(value, headers) {
    if (this.state === "closed") throw Object.assign(new Error("closed"), { code: "EPIPE" });
    this.sender.write(value, headers);
  }

  request(value, options) {
    return this.client.request(this.#serverSubject, value, options);
  }

  requestMany(value, options) {
    return this.client.requestMany(this.#serverSubject, value, options);
  }

  // Tells the server, and waits until it knows.
  async end() {
    const reply = await this.#command("close", null);
    this.#closed();
    return reply.value;
  }

  // Gives the socket up without telling anybody.
  abandon() {
    this.#closed();
  }

  #closed() {
    this.client.off("disconnected", this.onLost);
    this.client.off("ready", this.onReady);
    const mine = `${this.subject}.client.${this.id}`;
    // When the connection ends meanwhile, the subscription ends with it.
    if (this.client.subscriptions.has(mine)) this.client.unsubscribe(mine).catch(() => {});
    this.#enter("closed");
  }
}
