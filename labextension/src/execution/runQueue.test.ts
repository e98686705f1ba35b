import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type IRunStatus, RequestError } from '../services/requests';
import { ManualRunRequests, settled, words } from '../testing/fakes';
import { retryDelayMs, RunQueue } from './runQueue';
import { Slots } from './slots';

interface IWorld {
  queue: RunQueue;
  requests: ManualRunRequests;
  slept: number[];
  failures: string[];
}

function createWorld(kernelId: string | null = 'kernel', isKnown = true): IWorld {
  const requests = new ManualRunRequests();
  const slept: number[] = [];
  const failures: string[] = [];
  const queue = new RunQueue({
    requests,
    target: () => {
      if (kernelId === null) {
        throw new Error('no kernel');
      }
      return { roomId: 'room', kernelId, edits: { client_id: 7, clock: 3 } };
    },
    slots: new Slots(2),
    endOfTurn: () => Promise.resolve(),
    sleep: ms => {
      slept.push(ms);
      return Promise.resolve();
    },
    regain: () => Promise.resolve(isKnown),
    onFailure: message => failures.push(message),
    trans: { __: words }
  });
  return { queue, requests, slept, failures };
}

function status(change: number, states: string[], more: Partial<IRunStatus> = {}): IRunStatus {
  const cells = states.map((state, index) => ({ cell_id: `cell-${index}`, state }));
  return { run_id: 'run', change, finished: false, ...more, cells } as IRunStatus;
}

test('cells asked for in one turn travel in one request, in order', async () => {
  const { queue, requests } = createWorld();
  void queue.run('a');
  void queue.run('b');
  await settled();
  assert.equal(requests.runs.length, 1);
  assert.equal(requests.run(0).roomId, 'room');
  assert.deepEqual(requests.run(0).run, {
    kernel_id: 'kernel',
    cells: [{ cell_id: 'a' }, { cell_id: 'b' }],
    stop_on_error: true,
    edits: { client_id: 7, clock: 3 }
  });
});

test('a request is sent only after the one before it was answered', async () => {
  const { queue, requests } = createWorld();
  void queue.run('a');
  await settled();
  void queue.run('b');
  await settled();
  assert.equal(requests.runs.length, 1);
  requests.run(0).resolve('run-1');
  await settled();
  assert.deepEqual(requests.run(1).run.cells, [{ cell_id: 'b' }]);
});

test('a refused request does not keep the next one from being sent', async () => {
  const { queue, requests, failures } = createWorld();
  const first = queue.run('a');
  await settled();
  void queue.run('b');
  requests.run(0).reject(new RequestError(429, 'too many queued cells'));
  assert.deepEqual(await first, { state: 'aborted', reason: 'too many queued cells' });
  await settled();
  assert.equal(requests.runs.length, 2);
  assert.deepEqual(failures, ['too many queued cells']);
});

test('a request that was refused is repeated once for a user whom the server knows', async () => {
  const { queue, requests, failures } = createWorld();
  const outcome = queue.run('a');
  await settled();
  requests.run(0).reject(new RequestError(403, 'unknown cookie'));
  await settled();
  requests.run(1).reject(new RequestError(403, 'You may not run code.'));
  assert.deepEqual(await outcome, { state: 'aborted', reason: 'You may not run code.' });
  assert.deepEqual(failures, ['You may not run code.']);
});

test('whoever is signed out runs nothing and is told nothing more than that', async () => {
  const { queue, requests, failures } = createWorld('kernel', false);
  const outcome = queue.run('a');
  await settled();
  requests.run(0).reject(new RequestError(403, 'XSRF cookie does not match'));
  assert.deepEqual(await outcome, { state: 'aborted', reason: 'You are signed out.' });
  assert.deepEqual([requests.runs.length, failures], [1, []]);
});

test('a batch without a kernel fails once, without a request', async () => {
  const { queue, requests, failures } = createWorld(null);
  const outcomes = await Promise.all([queue.run('a'), queue.run('b')]);
  assert.deepEqual(outcomes, Array(2).fill({ state: 'aborted', reason: 'no kernel' }));
  assert.deepEqual(failures, ['no kernel']);
  assert.equal(requests.runs.length, 0);
});

test('each cell is settled as soon as it has ended', async () => {
  const { queue, requests } = createWorld();
  const first = queue.run('a');
  const second = queue.run('b');
  const third = queue.run('c');
  await settled();
  requests.run(0).resolve('run-1');
  await settled();
  assert.equal(requests.poll(0).seen, 0);
  requests.poll(0).resolve(status(4, ['ok', 'running', 'queued']));
  assert.deepEqual(await first, { state: 'ok' });
  await settled();
  assert.equal(requests.poll(1).seen, 4);
  const end = status(6, ['ok', 'error', 'aborted'], { finished: true });
  Object.assign(end.cells[1] ?? {}, { reason: 'ValueError: 1' });
  requests.poll(1).resolve(end);
  assert.deepEqual(await second, { state: 'error', reason: 'ValueError: 1' });
  assert.equal((await third).state, 'aborted');
});

test('only the oldest unfinished run of a notebook is watched', async () => {
  const { queue, requests } = createWorld();
  void queue.run('a');
  await settled();
  requests.run(0).resolve('run-1');
  void queue.run('b');
  await settled();
  requests.run(1).resolve('run-2');
  await settled();
  assert.deepEqual(
    requests.polls.map(({ runId }) => runId),
    ['run-1']
  );
  requests.poll(0).resolve(status(1, ['ok'], { finished: true }));
  await settled();
  assert.equal(requests.poll(1).runId, 'run-2');
});

test('an unreachable server is asked again, later and later', async () => {
  const { queue, requests, slept } = createWorld();
  const outcome = queue.run('a');
  await settled();
  requests.run(0).resolve('run-1');
  await settled();
  requests.poll(0).reject(new RequestError(0, 'unreachable'));
  await settled();
  requests.poll(1).reject(new RequestError(503, 'starting'));
  await settled();
  requests.poll(2).resolve(status(1, ['ok'], { finished: true }));
  assert.equal((await outcome).state, 'ok');
  assert.deepEqual(slept, [500, 1000]);
});

test('the wait between attempts is bounded', () => {
  assert.equal(retryDelayMs(1), 500);
  assert.equal(retryDelayMs(60), 10_000);
});

test('asking an unreachable server ends after a bounded number of attempts', async () => {
  const { queue, requests, failures } = createWorld();
  const outcome = queue.run('a');
  await settled();
  requests.run(0).resolve('run-1');
  for (let attempt = 0; attempt <= 60; attempt += 1) {
    await settled();
    requests.poll(attempt).reject(new RequestError(0, 'unreachable'));
  }
  assert.equal((await outcome).state, 'aborted');
  assert.equal(requests.polls.length, 61);
  assert.match(failures[0] ?? '', /unreachable/);
});

test('a run that the server has forgotten ends with advice', async () => {
  const { queue, requests, failures } = createWorld();
  const outcome = queue.run('a');
  await settled();
  requests.run(0).resolve('run-1');
  await settled();
  requests.poll(0).reject(new RequestError(404, 'no such run'));
  assert.equal((await outcome).state, 'aborted');
  assert.match(failures[0] ?? '', /restarted.*run them again/);
});

test('an answer without a change is not asked for again at once', async () => {
  const { queue, requests, slept } = createWorld();
  void queue.run('a');
  await settled();
  requests.run(0).resolve('run-1');
  await settled();
  requests.poll(0).resolve(status(0, ['queued']));
  await settled();
  assert.deepEqual(slept, [250]);
});

test('a closed queue settles its cells without complaint and takes no more', async () => {
  const { queue, requests, failures } = createWorld();
  const watched = queue.run('a');
  await settled();
  requests.run(0).resolve('run-1');
  await settled();
  const waiting = queue.run('b');
  queue.dispose();
  assert.equal((await watched).state, 'aborted');
  assert.equal((await waiting).state, 'aborted');
  assert.equal((await queue.run('c')).state, 'aborted');
  assert.equal(requests.runs.length, 1);
  assert.deepEqual(failures, []);
});
