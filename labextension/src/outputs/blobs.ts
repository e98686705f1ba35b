/**
 * Reads the placeholders of large outputs, as the server writes them (`documents/blobs`).
 *
 * Knows no widgets and no requests.
 */
import type { ReadonlyPartialJSONObject, ReadonlyPartialJSONValue } from '@lumino/coreutils';

/** The type under which a bundle says what of it is kept on the server. */
export const PLACEHOLDER = 'application/vnd.cocalc.blob+json';

const SHA1 = /^[0-9a-f]{40}$/;
const STDOUT = 'application/vnd.jupyter.stdout';
const STDERR = 'application/vnd.jupyter.stderr';
const IMAGE = /^image\//;
const TEXT = /^text\/|\+xml$/;

/** One representation of an output: in the document, or on the server. */
export interface IRepresentation {
  mimeType: string;
  /** The address below the base URL, or null for what is in the document. */
  path: string | null;
}

/** What is known of a renderer. */
export interface IKnownRenderer {
  mimeType: string;
  /** Whether it may show what nobody trusts. */
  safe: boolean;
}

/** How large an image is to be shown. */
export interface IImageLook {
  width: number | undefined;
  height: number | undefined;
  unconfined: boolean;
  background: string | undefined;
}

/** Whether a type is shown as an image, which is safe even for SVG: no script in it runs. */
export function isImage(mimeType: string): boolean {
  return IMAGE.test(mimeType);
}

/** Whether the value of a type is text in a notebook, and not base64. */
export function isText(mimeType: string): boolean {
  return TEXT.test(mimeType);
}

/** Return the representations that are kept on the server, by type; none for what is malformed. */
export function blobsOf(data: ReadonlyPartialJSONObject): Map<string, string> {
  const blobs = field(data[PLACEHOLDER], 'blobs');
  const found = new Map<string, string>();
  for (const [mimeType, entry] of Object.entries(isObject(blobs) ? blobs : {})) {
    const sha1 = field(entry, 'sha1');
    if (typeof sha1 === 'string' && SHA1.test(sha1)) {
      found.set(mimeType, sha1);
    }
  }
  return found;
}

/** Return the address of what stands for a whole output, or null where it is not kept as a whole. */
export function wholeOutputPath(data: ReadonlyPartialJSONObject): string | null {
  const sha1 = field(field(data[PLACEHOLDER], 'output'), 'sha1');
  return typeof sha1 === 'string' && SHA1.test(sha1) ? `cocalc/blobs/${sha1}` : null;
}

/**
 * Return the representations of a whole output, as the page makes them of outputs in a document.
 *
 * `placeholder` names those of them that are kept on the server on their own.
 */
export function dataOfOutput(
  output: ReadonlyPartialJSONValue,
  placeholder: ReadonlyPartialJSONValue | undefined
): ReadonlyPartialJSONObject {
  const own = field(output, 'data');
  if (isObject(own)) {
    return { ...own, [PLACEHOLDER]: { blobs: field(placeholder, 'blobs') ?? {} } };
  }
  const lines = field(output, 'traceback');
  if (Array.isArray(lines)) {
    return { [STDERR]: lines.join('\n') };
  }
  const text = field(output, 'text');
  const joined = Array.isArray(text) ? text.join('') : text;
  const stream = field(output, 'name') === 'stderr' ? STDERR : STDOUT;
  return typeof joined === 'string' ? { [stream]: joined } : {};
}

/**
 * Choose what to show, as the page would if everything were in the document.
 *
 * `renderers` are those of the page, the best first.
 */
export function chooseRepresentation(
  data: ReadonlyPartialJSONObject,
  renderers: Iterable<IKnownRenderer>,
  trusted: boolean
): IRepresentation | null {
  const blobs = blobsOf(data);
  for (const { mimeType, safe } of renderers) {
    const sha1 = blobs.get(mimeType);
    if (sha1 !== undefined && (trusted || safe || isImage(mimeType))) {
      return { mimeType, path: blobPath(sha1, mimeType) };
    }
    if (mimeType !== PLACEHOLDER && mimeType in data && (trusted || safe)) {
      return { mimeType, path: null };
    }
  }
  return null;
}

/** Return the address of a representation, below the base URL. */
export function blobPath(sha1: string, mimeType: string): string {
  return `cocalc/blobs/${sha1}?type=${encodeURIComponent(mimeType)}`;
}

/** Return how an image is shown: what its type says comes before what the output says. */
export function imageLook(metadata: ReadonlyPartialJSONObject, mimeType: string): IImageLook {
  const own = isObject(metadata[mimeType]) ? metadata[mimeType] : {};
  const look = { ...metadata, ...own };
  const background = look['needs_background'];
  return {
    width: asSize(look['width']),
    height: asSize(look['height']),
    unconfined: look['unconfined'] === true,
    background: background === 'light' || background === 'dark' ? background : undefined
  };
}

function asSize(value: ReadonlyPartialJSONValue | undefined): number | undefined {
  const size = typeof value === 'string' ? Number.parseFloat(value) : value;
  return typeof size === 'number' && Number.isFinite(size) && size > 0 ? size : undefined;
}

function field(
  value: ReadonlyPartialJSONValue | undefined,
  name: string
): ReadonlyPartialJSONValue | undefined {
  return isObject(value) ? value[name] : undefined;
}

function isObject(value: ReadonlyPartialJSONValue | undefined): value is ReadonlyPartialJSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
