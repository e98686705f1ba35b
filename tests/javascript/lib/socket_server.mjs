// The end of sockets that accepts (conat-core §14.4).

import { EventEmitter } from "node:events";
import { COMMAND, Receiver, Sender } from "./socket_flow.mjs";

export class ServerSocket extends EventEmitter {
  state = "ready";

  constructor(client, subject, id) {
    super();
    this.client = client;
    this.subject = subject;
    this.id = id;
    this.clientSubject = `${subject}.client.${id}`;
    this.sender = new Sender(({ encoding, raw, headers }) =>
      this.client.publishSync(this.clientSubject, null, { encoding, raw, headers }),
    );
    this.receiver = new Receiver(
      (value, headers) => this.emit("data", value, headers),
      (control) => this.#command("socket", { socket: control }),
    );
  }

  write(value, headers) {
    this.sender.write(value, headers);
  }

  request(value, options) {
    return this.client.request(this.clientSubject, value, options);
  }

  #command(name, value) {
    return this.client.request(this.clientSubject, value, { headers: { [COMMAND]: name } });
  }

  ping() {
    return this.#command("ping", null);
  }

  receive(message) {
    const command = message.headers?.[COMMAND];
    if (command === "connect") return this.client.respondIfPossible(message, "connected");
    if (command === "ping") return this.client.respondIfPossible(message, null);
    if (command === "socket") return this.#control(message);
    if (command === "close") return this.#closedByPeer(message);
    if (command !== undefined)
      return this.client.respondIfPossible(message, { error: `unknown command - '${command}'` });
    if (message.headers?.["CN-Reply"]) return this.emit("request", message);
    return this.receiver.receive(message);
  }

  #control(message) {
    const { emitted, missing } = message.value.socket;
    if (missing === undefined) return this.client.respondIfPossible(message, this.sender.emitted(emitted));
    const packets = this.sender.missing(missing);
    const headers = packets === null ? { error: "nodata" } : undefined;
    return this.client.respondIfPossible(message, packets, { headers });
  }

  #closedByPeer(message) {
    this.state = "closed";
    this.emit("closed");
    return this.client.respondIfPossible(message, "closed");
  }

  close() {
    this.state = "closed";
    this.client.publishSync(this.clientSubject, null, { headers: { [COMMAND]: "close" } });
    this.emit("closed");
  }
}

export class SocketServer extends EventEmitter {
  sockets = new Map();

  constructor(client, subject, id) {
    super();
    this.client = client;
    this.subject = subject;
    this.id = id;
  }

  async start() {
    const status = `${this.subject}.server.status`;
    await this.client.listen(status, (message) => this.client.respondIfPossible(message, { id: this.id }));
    await this.client.listen(`${this.subject}.server.${this.id}.*`, (each) => this.#receive(each));
  }

  #receive(message) {
    const tokens = message.subject.split(".");
    const id = tokens.at(-1);
    const base = tokens.slice(0, -3).join(".");
    const socket = this.sockets.get(id);
    if (socket !== undefined) return socket.receive(message);
    const command = message.headers?.[COMMAND];
    if (command === "connect") return this.#accept(base, id, message);
    if (command === "close") return undefined;
    const headers = { [COMMAND]: "close" };
    return this.client.publishSync(`${base}.client.${id}`, null, { headers });
  }

  #accept(base, id, message) {
    const socket = new ServerSocket(this.client, base, id);
    this.sockets.set(id, socket);
    socket.once("closed", () => this.sockets.delete(id));
    this.emit("connection", socket);
    return socket.receive(message);
  }
}
