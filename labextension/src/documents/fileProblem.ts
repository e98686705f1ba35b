/**
 * What keeps a document from its file, as the server says it in the document's shared state.
 */

/** Where the server says it; nothing is there while all is well. */
const FILE_PROBLEM = 'file_problem';

/** The part of a shared document that is looked at. */
export interface ISharedState {
  getState(key: string): unknown;
}

/** Return the server's words about the file, or `null` when there is nothing to say. */
export function fileProblemOf(document: ISharedState): string | null {
  const problem = document.getState(FILE_PROBLEM);
  return typeof problem === 'string' && problem !== '' ? problem : null;
}

/** What the server tells all pages about its documents. */
const SESSION_SCHEMA = 'https://schema.jupyter.org/jupyter_collaboration/session/v1';

/** An event of the server, as far as it is looked at. */
export interface IServerEvent {
  schema_id: string;
  level?: unknown;
  path?: unknown;
  msg?: unknown;
}

/** Something that happened to a file, which its document does not show by itself. */
export interface IFileNews {
  path: string;
  message: string;
}

/** Return what an event says that people must know, or `null`. */
export function newsOf({ schema_id, level, path, msg }: IServerEvent): IFileNews | null {
  const isNews = schema_id === SESSION_SCHEMA && level === 'ERROR';
  return isNews && typeof path === 'string' && typeof msg === 'string'
    ? { path, message: msg }
    : null;
}
