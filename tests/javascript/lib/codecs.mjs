// How values become bytes (conat-core §5), and random ids (§16.1).

import { randomInt } from "node:crypto";
import { decode, encode } from "@msgpack/msgpack";

export const MSGPACK = 0;
export const JSON_TEXT = 1;

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

export const randomId = () => Array.from({ length: 10 }, () => ALPHABET[randomInt(62)]).join("");

export const codecs = {
  [MSGPACK]: { encode: (value) => Buffer.from(encode(value)), decode: (raw) => decode(raw) },
  [JSON_TEXT]: {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (raw) => JSON.parse(Buffer.from(raw).toString()),
  },
};
