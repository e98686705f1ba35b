import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Cell } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';

import type { IPayload } from '../services/requests';
import { applyPayload } from './payloads';

/** Apply a payload in a notebook with cells `a` and `b`, and return what happened to it. */
function edits(payload: IPayload[], cellId: string): unknown[] {
  const log: unknown[] = [];
  const sharedModel = {
    cells: [{ id: 'a' }, { id: 'b' }],
    insertCell: (index: number, cell: object) => log.push([index, cell])
  };
  const cell = { model: { id: cellId, sharedModel: { setSource: (s: string) => log.push(s) } } };
  applyPayload(payload, { sharedModel } as unknown as INotebookModel, cell as unknown as Cell);
  return log;
}

const next = (more: object) => [{ source: 'page' }, { source: 'set_next_input', ...more }];
const inserted = { cell_type: 'code', source: 'x', metadata: { trusted: false } };

test('the next input goes into a new, untrusted cell below', () => {
  assert.deepEqual(edits(next({ text: 'x', replace: false }), 'a'), [[1, inserted]]);
});

test('the next input of a cell that is gone goes to the end', () => {
  assert.deepEqual(edits(next({ text: 'x' }), 'gone'), [[2, inserted]]);
});

test('a replacing input goes into the cell itself', () => {
  assert.deepEqual(edits(next({ text: 'x', replace: true }), 'a'), ['x']);
});

test('other payloads and such without text change nothing', () => {
  assert.deepEqual(edits([{ source: 'page', text: 'x' }], 'a'), []);
  assert.deepEqual(edits(next({}), 'a'), []);
});
