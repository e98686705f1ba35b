import assert from 'node:assert/strict';
import { test } from 'node:test';

import { RunMemory, type TabStorage } from './runMemory';

function mapStorage(): TabStorage & { size: () => number } {
  const map = new Map<string, string>();
  return {
    getItem: key => map.get(key) ?? null,
    setItem: (key, value) => void map.set(key, value),
    removeItem: key => void map.delete(key),
    size: () => map.size
  };
}

test('unfinished runs are known after a reload, per room, in order', () => {
  const storage = mapStorage();
  const before = new RunMemory(storage);
  before.add('room', 'a');
  before.add('room', 'b');
  before.add('other', 'c');
  before.remove('room', 'a');
  before.add('room', 'd');
  assert.deepEqual(new RunMemory(storage).list('room'), ['b', 'd']);
});

test('a room without unfinished runs leaves nothing behind', () => {
  const storage = mapStorage();
  const memory = new RunMemory(storage);
  memory.add('room', 'a');
  memory.remove('room', 'a');
  assert.deepEqual(memory.list('room'), []);
  assert.equal(storage.size(), 0);
});

test('the number of remembered runs is bounded, the newest stay', () => {
  const memory = new RunMemory(mapStorage());
  for (let index = 0; index < 150; index += 1) {
    memory.add('room', `run-${index}`);
  }
  assert.equal(memory.list('room').length, 100);
  assert.equal(memory.list('room').at(-1), 'run-149');
});
