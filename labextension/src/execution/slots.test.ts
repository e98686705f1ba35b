import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Deferred, settled } from '../testing/fakes';
import { Slots } from './slots';

test('no more tasks run at once than there are slots, the others in order', async () => {
  const slots = new Slots(2);
  const tasks = [new Deferred<void>(), new Deferred<void>(), new Deferred<void>()];
  const started: number[] = [];
  tasks.forEach((task, index) => {
    void slots.use(() => {
      started.push(index);
      return task.promise;
    });
  });
  await settled();
  assert.deepEqual(started, [0, 1]);
  tasks[1]?.resolve();
  await settled();
  assert.deepEqual(started, [0, 1, 2]);
});

test('a failing task returns its slot', async () => {
  const slots = new Slots(1);
  await assert.rejects(
    slots.use(() => Promise.reject(new Error('no'))),
    /no/
  );
  assert.equal(await slots.use(() => Promise.resolve('next')), 'next');
});
