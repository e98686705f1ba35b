// A bare socket.io server that routes as conat does: exact subjects and patterns, queue groups,
// acknowledgements with counts, info on arrival. No permissions, no limits, no statistics.
// Usage: node peer.mjs. Prints {port, pid}.

import { createServer } from "node:http";
import { Server } from "socket.io";

const MAX_PAYLOAD = 8_000_000;

class Routes {
  #root = { children: new Map(), groups: null, pattern: "" };

  #node(pattern) {
    let node = this.#root;
    for (const token of pattern.split(".")) {
      let next = node.children.get(token);
      if (next === undefined) {
        next = { children: new Map(), groups: null, pattern: "" };
        node.children.set(token, next);
      }
      node = next;
    }
    return node;
  }

  add(pattern, queue, socket) {
    const node = this.#node(pattern);
    node.pattern = pattern;
    node.groups ??= new Map();
    const members = node.groups.get(queue);
    if (members === undefined) node.groups.set(queue, [socket]);
    else members.push(socket);
  }

  remove(pattern, queue, socket) {
    const groups = this.#node(pattern).groups;
    const left = groups.get(queue).filter((each) => each !== socket);
    if (left.length > 0) groups.set(queue, left);
    else groups.delete(queue);
  }

  forEach(subject, visit) {
    this.#visit(this.#root, subject.split("."), 0, visit);
  }

  #visit(node, tokens, depth, visit) {
    if (depth === tokens.length) {
      if (node.groups !== null) visit(node.pattern, node.groups);
      return;
    }
    const any = node.children.get("*");
    if (any !== undefined) this.#visit(any, tokens, depth + 1, visit);
    const rest = node.children.get(">");
    if (rest !== undefined) this.#visit(rest, tokens, tokens.length, visit);
    const literal = node.children.get(tokens[depth]);
    if (literal !== undefined) this.#visit(literal, tokens, depth + 1, visit);
  }
}

const routes = new Routes();
const http = createServer();
const io = new Server(http, {
  path: "/conat",
  transports: ["websocket"],
  perMessageDeflate: false,
  maxHttpBufferSize: MAX_PAYLOAD,
});

io.on("connection", (socket) => {
  const own = new Map();
  socket.emit("info", { max_payload: MAX_PAYLOAD, id: "0", user: null }, () => {});

  socket.on("subscribe", ({ subject, queue }, answer) => {
    if (!own.has(subject)) {
      own.set(subject, queue);
      routes.add(subject, queue, socket);
    }
    answer?.({ status: "added" });
  });

  socket.on("publish", ([subject, ...data], answer) => {
    let count = 0;
    routes.forEach(subject, (pattern, groups) => {
      for (const members of groups.values()) {
        const chosen = members[members.length === 1 ? 0 : (Math.random() * members.length) | 0];
        chosen.emit(pattern, { subject, data });
        count += 1;
      }
    });
    answer?.({ count });
  });

  socket.on("disconnect", () => {
    for (const [subject, queue] of own) routes.remove(subject, queue, socket);
  });
});

http.listen(0, "127.0.0.1", () =>
  console.log(JSON.stringify({ port: http.address().port, pid: process.pid })),
);
