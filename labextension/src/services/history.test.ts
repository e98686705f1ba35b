import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HistoryRequests } from './history';
import { RequestError } from './requests';

function answering(value: unknown, status = 200) {
  const sent: { path: string; init: RequestInit }[] = [];
  const requests = new HistoryRequests((path, init) => {
    sent.push({ path, init });
    return Promise.resolve(new Response(JSON.stringify(value), { status }));
  });
  return { requests, sent };
}

test('versions are asked for in pages, by the path of the file', async () => {
  const page = { versions: [], has_more: false, authors: {} };
  const { requests, sent } = answering(page);
  assert.deepEqual(await requests.versions('a b/ü#.ipynb', null, 50), page);
  await requests.versions('a.md', 7, 50);
  assert.equal(sent[0]?.path, 'cocalc/history/versions/a%20b/%C3%BC%23.ipynb?limit=50');
  assert.equal(sent[1]?.path, 'cocalc/history/versions/a.md?limit=50&before=7');
});

test('a version and a difference are asked for by the names of versions', async () => {
  const { requests, sent } = answering({ type: 'text', text: '', hunks: [] });
  await requests.at('a.md', 3);
  await requests.diff('a.md', 3, 9);
  assert.equal(sent[0]?.path, 'cocalc/history/at/a.md?version=3');
  assert.equal(sent[1]?.path, 'cocalc/history/diff/a.md?a=3&b=9');
});

test('restoring says whether there is a new version', async () => {
  const { requests, sent } = answering({ version: { version: 9 } });
  assert.equal(await requests.restore('a.md', 3), true);
  assert.equal(sent[0]?.init.method, 'POST');
  assert.equal(sent[0].init.body, '{"version":3}');
  assert.equal(await answering({ version: null }).requests.restore('a.md', 3), false);
});

test('a refusal is told in the words of the server', async () => {
  const { requests } = answering({ message: 'You may not write documents.' }, 403);
  await assert.rejects(
    requests.restore('a.md', 3),
    (error: unknown) =>
      error instanceof RequestError && error.message === 'You may not write documents.'
  );
});
