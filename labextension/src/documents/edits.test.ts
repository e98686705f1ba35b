import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as Y from 'yjs';

import { markEdits } from './edits';

/** Apply `update` to a fresh document and return its clock for a client. */
function clockAfter(updates: Uint8Array[], client: number): number {
  const doc = new Y.Doc();
  updates.forEach(update => {
    Y.applyUpdate(doc, update);
  });
  return Y.getState(doc.store, client);
}

test('the mark is reached only after all edits before it', () => {
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  doc.getText('source').insert(0, '1 + 1');
  const { client_id, clock } = markEdits(doc);
  assert.equal(client_id, doc.clientID);
  assert.ok(clockAfter(updates.slice(0, -1), client_id) < clock);
  assert.equal(clockAfter(updates, client_id), clock);
});

test('a deletion is waited for, although it does not advance the clock by itself', () => {
  const doc = new Y.Doc();
  doc.getText('source').insert(0, '1 / 0');
  const before = markEdits(doc).clock;
  doc.getText('source').delete(2, 3);
  assert.equal(Y.getState(doc.store, doc.clientID), before);
  assert.ok(markEdits(doc).clock > before);
});
