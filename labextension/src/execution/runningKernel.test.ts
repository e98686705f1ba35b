import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runningKernelOf } from './runningKernel';

const SESSIONS = [
  { path: 'no-kernel.ipynb', kernel: null },
  { path: 'a.ipynb', kernel: { id: 'kernel-a', name: 'python3' } }
];

test("a notebook's kernel is found by its path", () => {
  assert.equal(runningKernelOf(SESSIONS, 'a.ipynb'), 'kernel-a');
});

test('a notebook has no kernel without a session, or with one that has none', () => {
  assert.equal(runningKernelOf(SESSIONS, 'b.ipynb'), null);
  assert.equal(runningKernelOf(SESSIONS, 'no-kernel.ipynb'), null);
});
