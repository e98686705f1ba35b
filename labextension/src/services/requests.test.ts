import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ProjectRequests, RequestError } from './requests';

interface ISent {
  path: string;
  init: RequestInit;
}

function answering(response: () => Response): { requests: ProjectRequests; sent: ISent[] } {
  const sent: ISent[] = [];
  const requests = new ProjectRequests((path, init) => {
    sent.push({ path, init });
    return Promise.resolve(response());
  });
  return { requests, sent };
}

const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });

test('a run is posted to its notebook', async () => {
  const { requests, sent } = answering(() => json({ run_id: 'r1' }, 202));
  const run = { kernel_id: 'k', cells: [{ cell_id: 'c' }], stop_on_error: true, edits: null };
  assert.equal(await requests.startRun('json:notebook:id', run), 'r1');
  assert.equal(sent[0]?.path, 'cocalc/api/notebooks/json%3Anotebook%3Aid/run');
  assert.equal(sent[0].init.method, 'POST');
  assert.deepEqual(JSON.parse(sent[0].init.body as string), run);
});

test('progress is asked for from the change that was seen last', async () => {
  const status = { run_id: 'r1', change: 5, finished: false, cells: [], input: null };
  const { requests, sent } = answering(() => json(status));
  const { signal } = new AbortController();
  assert.deepEqual(await requests.pollRun('r1', 4, signal), status);
  assert.equal(sent[0]?.path, 'cocalc/api/runs/r1?seen=4');
  assert.equal(sent[0].init.signal, signal);
});

test('an answer to a question names the question', async () => {
  const { requests, sent } = answering(() => new Response(null, { status: 204 }));
  await requests.answerCell('json:notebook:f', 'c', 'Ada', 'q');
  assert.equal(sent[0]?.path, 'cocalc/api/notebooks/json%3Anotebook%3Af/input');
  const body: unknown = JSON.parse(sent[0].init.body as string);
  assert.deepEqual(body, { cell_id: 'c', input_id: 'q', value: 'Ada' });
});

test('more output is that of one cell', async () => {
  const outputs = [{ output_type: 'stream', name: 'stdout', text: 'more' }];
  const { requests, sent } = answering(() => json({ outputs }));
  assert.deepEqual(await requests.fetchMoreOutput('room', 'a&b'), outputs);
  assert.equal(sent[0]?.path, 'cocalc/api/notebooks/room/more-output?cell_id=a%26b');
});

test("the server's message is the error's message", async () => {
  const { requests } = answering(() => json({ message: 'cells: at least one' }, 400));
  await assert.rejects(requests.answerCell('r', 'c', '', null), (error: unknown) => {
    assert.ok(error instanceof RequestError);
    assert.equal(error.status, 400);
    assert.equal(error.message, 'cells: at least one');
    assert.equal(error.isTransient, false);
    return true;
  });
});

test('a page instead of JSON is told by its status', async () => {
  const { requests } = answering(
    () => new Response('<html>', { status: 503, statusText: 'Service Unavailable' })
  );
  await assert.rejects(requests.answerCell('r', 'c', '', null), {
    message: 'The server answered 503 Service Unavailable',
    isTransient: true
  });
});

test('a server that cannot be reached is a transient error', async () => {
  const requests = new ProjectRequests(() => Promise.reject(new TypeError('Failed to fetch')));
  await assert.rejects(requests.fetchRights(), { status: 0, isTransient: true });
});

test('rights are what the server grants, and nothing else', async () => {
  const { requests, sent } = answering(() =>
    json({ identity: {}, permissions: { contents: ['write'] } })
  );
  assert.deepEqual(await requests.fetchRights(), { write: true, execute: false });
  const asked = new URL(sent[0]?.path ?? '', 'http://server/').searchParams.get('permissions');
  assert.deepEqual(JSON.parse(asked ?? ''), { contents: ['write'], kernels: ['execute'] });
});
