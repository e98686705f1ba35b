import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cellOfEntry, durationOf, entryOfCell, noteOf } from './runNotes';

test('an entry of the state is about one cell', () => {
  assert.equal(cellOfEntry(entryOfCell('a:b')), 'a:b');
  assert.equal(cellOfEntry('dirty'), null);
});

test('a note is read whatever else is in the state', () => {
  assert.deepEqual(noteOf({ by: 'Ada', start: 5 }), { by: 'Ada', start: 5, end: null });
  assert.deepEqual(noteOf({ start: 5, end: 6 }), { by: '', start: 5, end: 6 });
  for (const entry of [null, 'run', 5, {}, { start: 'now' }]) {
    assert.equal(noteOf(entry), null);
  }
});

test('durations are told as people say them', () => {
  const after = (ms: number | null): string =>
    durationOf({ by: '', start: 1000, end: ms === null ? null : 1000 + ms });
  assert.deepEqual([null, 1234, 42_400, 125_000, -5].map(after), [
    '',
    '1.23 s',
    '42 s',
    '2 min 5 s',
    '0.00 s'
  ]);
});
