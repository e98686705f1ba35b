import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { IVersion } from '../services/history';
import { groupsOf, indexOf, singlesOf } from './groups';

const version = (name: number, author: string, seconds: number): IVersion => ({
  version: name,
  wall: seconds * 1000,
  author,
  number: name,
  size: 1
});

const isOfRun = ({ author }: IVersion) => author === 'project';

const HISTORY = [
  version(7, 'ann', 201),
  version(6, 'ann', 200),
  version(5, 'project', 100),
  version(4, 'project', 60),
  version(3, 'project', 40),
  version(2, 'project', 39),
  version(1, 'ann', 39)
];

const numbers = (groups: ReturnType<typeof groupsOf>) =>
  groups.map(group => group.versions.map(each => each.version));

test('versions of runs within a minute are one group, and those of people stay apart', () => {
  const groups = groupsOf(HISTORY, isOfRun);
  assert.deepEqual(numbers(groups), [[7], [6], [5, 4, 3], [2], [1]]);
  assert.deepEqual(
    groups.map(group => group.newest.version),
    [7, 6, 5, 2, 1]
  );
});

test('a version is found in its group', () => {
  assert.equal(indexOf(groupsOf(HISTORY, isOfRun), 3), 2);
  assert.equal(indexOf(singlesOf(HISTORY), 3), 4);
  assert.equal(indexOf(singlesOf(HISTORY), 8), -1);
  assert.equal(indexOf(singlesOf(HISTORY), null), -1);
});

test('no versions are no groups', () => {
  assert.deepEqual(groupsOf([], isOfRun), []);
});
