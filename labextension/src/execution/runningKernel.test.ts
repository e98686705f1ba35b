import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runningSessionOf } from './runningKernel';

const [EMPTY, WITH_KERNEL] = [
  { path: 'no-kernel.ipynb', kernel: null },
  { path: 'a.ipynb', kernel: { id: 'kernel-a', name: 'python3' } }
];
const SESSIONS = [EMPTY, WITH_KERNEL];

test("a notebook's session is found by its path", () => {
  assert.equal(runningSessionOf(SESSIONS, 'a.ipynb'), WITH_KERNEL);
});

test('a notebook has no kernel without a session, or with one that has none', () => {
  assert.equal(runningSessionOf(SESSIONS, 'b.ipynb'), null);
  assert.equal(runningSessionOf(SESSIONS, 'no-kernel.ipynb'), null);
});
