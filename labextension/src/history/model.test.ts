import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Content, IVersion } from '../services/history';
import { Deferred, settled } from '../testing/fakes';
import { HistoryModel, type IHistoryRequests } from './model';

const version = (number: number): IVersion => ({
  version: number,
  wall: number,
  author: 'account-of-ann',
  number,
  size: 1
});

/** A history of versions 1 to `count`, in pages of `limit`. */
function historyOf(count: number, limit: number) {
  const asked: string[] = [];
  const state = { count, restored: [] as number[] };
  const requests: IHistoryRequests = {
    versions: (path, before) => {
      asked.push(`versions ${path} ${before}`);
      const end = before === null ? state.count : before - 1;
      const start = Math.max(1, end - limit + 1);
      const versions = Array.from({ length: end - start + 1 }, (_, n) => version(end - n));
      return Promise.resolve({
        versions,
        has_more: start > 1,
        authors: { 'account-of-ann': 'Ann' }
      });
    },
    at: (_path, each) => Promise.resolve({ type: 'text', text: `text ${each}` }),
    diff: (path, from, to) => {
      asked.push(`diff ${path} ${from} ${to}`);
      return Promise.resolve({ type: 'text', hunks: [] });
    },
    restore: (_path, each) => {
      state.restored.push(each);
      state.count += 1;
      return Promise.resolve(true);
    }
  };
  return { asked, state, requests };
}

const modelOf = (requests: IHistoryRequests) =>
  new HistoryModel(
    requests,
    () => 'a.md',
    () => {
      // Nobody looks.
    }
  );

test('the newest version is shown first', async () => {
  const model = modelOf(historyOf(3, 10).requests);
  await model.refresh();
  assert.deepEqual(
    model.versions.map(each => each.version),
    [3, 2, 1]
  );
  assert.equal(model.chosen, 3);
  assert.deepEqual(model.shown, { mode: 'version', content: { type: 'text', text: 'text 3' } });
  assert.equal(model.hasMore, false);
});

test('authors are called by their names, or by the beginning of their ids', async () => {
  const model = modelOf(historyOf(1, 10).requests);
  await model.refresh();
  assert.equal(model.nameOf('account-of-ann'), 'Ann');
  assert.equal(model.nameOf('12345678-aaaa'), '12345678');
  assert.equal(model.nameOf(null), null);
});

test('older versions follow page by page, and stay when newer ones come', async () => {
  const { requests, state } = historyOf(7, 3);
  const model = modelOf(requests);
  await model.refresh();
  await model.loadMore();
  assert.deepEqual(
    model.versions.map(each => each.version),
    [7, 6, 5, 4, 3, 2]
  );
  state.count = 8;
  await model.refresh();
  assert.deepEqual(
    model.versions.map(each => each.version),
    [8, 7, 6, 5, 4, 3, 2]
  );
  await model.loadMore();
  await model.loadMore();
  assert.equal(model.versions.at(-1)?.version, 1);
  assert.equal(model.hasMore, false);
});

test('so many new versions that the pages do not meet begin a new list', async () => {
  const { requests, state } = historyOf(4, 3);
  const model = modelOf(requests);
  await model.refresh();
  state.count = 40;
  await model.refresh();
  assert.deepEqual(
    model.versions.map(each => each.version),
    [40, 39, 38]
  );
  assert.equal(model.hasMore, true);
});

test('changes are those from the chosen version to the newest one', async () => {
  const { requests, asked } = historyOf(5, 10);
  const model = modelOf(requests);
  await model.refresh();
  await model.choose(2, 'changes');
  assert.equal(asked.at(-1), 'diff a.md 2 5');
  assert.equal(model.shown?.mode, 'changes');
});

test('what comes after something else was chosen is dropped', async () => {
  const late = new Deferred<Content>();
  const { requests } = historyOf(2, 10);
  const model = modelOf({
    ...requests,
    at: (path, each) => (each === 1 ? late.promise : requests.at(path, each))
  });
  await model.refresh();
  const first = model.choose(1);
  await model.choose(2);
  late.resolve({ type: 'text', text: 'late' });
  await first;
  await settled();
  assert.deepEqual(model.shown, { mode: 'version', content: { type: 'text', text: 'text 2' } });
});

test('restoring makes a new version, which is listed', async () => {
  const { requests, state } = historyOf(3, 10);
  const model = modelOf(requests);
  await model.refresh();
  await model.choose(1);
  assert.equal(await model.restore(), true);
  assert.deepEqual(state.restored, [1]);
  assert.equal(model.versions[0]?.version, 4);
  assert.equal(model.chosen, 1);
});

test('a refusal is told, and nothing is lost', async () => {
  const { requests } = historyOf(3, 10);
  const model = modelOf({ ...requests, restore: () => Promise.reject(new Error('not allowed')) });
  await model.refresh();
  assert.equal(await model.restore(), false);
  assert.equal(model.problem, 'not allowed');
  assert.equal(model.versions.length, 3);
  await model.choose(2);
  assert.equal(model.problem, null);
});

test('a document without a history has nothing to show', async () => {
  const { requests } = historyOf(0, 10);
  const model = modelOf(requests);
  await model.refresh();
  assert.deepEqual([model.versions, model.chosen, model.shown], [[], null, null]);
  assert.equal(await model.restore(), false);
});
