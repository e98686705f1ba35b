/**
 * Which room of the server a notebook belongs to.
 */
import type { ISharedNotebook } from '@jupyter/ydoc';
import type { Doc } from 'yjs';

/** Return the room's id, or `null` for a notebook that is not shared through the server. */
export function roomIdOf(notebook: ISharedNotebook): string | null {
  // The document provider writes it after the first synchronisation.
  const id = notebook.getState('document_id');
  return typeof id === 'string' && id !== '' ? id : null;
}

/** Return the Yjs document behind a notebook's shared model. */
export function docOf(notebook: ISharedNotebook): Doc {
  // The interface hides it; every implementation of it is a `YNotebook`.
  return (notebook as unknown as { ydoc: Doc }).ydoc;
}
