/**
 * Naming the last edit of this page, so that a run request can wait for it.
 *
 * The edit and the request travel on different sockets and may overtake each other.
 */
import * as Y from 'yjs';

import type { IEdits } from '../services/requests';

const MARK_KEY = 'run_requested_by';

/**
 * Put a mark behind everything edited so far, and return the position of that mark.
 *
 * Deleting text does not advance a client's clock; only the mark makes a deletion waitable.
 */
export function markEdits(doc: Y.Doc): IEdits {
  doc.getMap('state').set(MARK_KEY, doc.clientID);
  return { client_id: doc.clientID, clock: Y.getState(doc.store, doc.clientID) };
}
