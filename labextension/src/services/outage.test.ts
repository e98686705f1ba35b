import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Outage } from './outage';
import { RequestError } from './requests';

function createOutage(answers: (number | 'ok')[]): { outage: Outage; told: string[] } {
  const told: string[] = [];
  const outage = new Outage({
    probe: () => {
      const answer = answers.shift() ?? 'ok';
      return answer === 'ok'
        ? Promise.resolve()
        : Promise.reject(new RequestError(answer, String(answer)));
    },
    signIn: () => {
      told.push('sign in');
      return Promise.resolve();
    },
    recovered: () => {
      told.push('recovered');
      return Promise.resolve();
    },
    sleep: ms => {
      told.push(`wait ${ms}`);
      return Promise.resolve();
    },
    notice: {
      showUnreachable: () => told.push('unreachable'),
      showRefused: () => told.push('refused'),
      hide: () => told.push('hidden')
    }
  });
  return { outage, told };
}

test('a server that answers at once is not reported', async () => {
  const { outage, told } = createOutage(['ok']);
  await outage.report();
  assert.deepEqual(told, []);
});

test('an outage is told once and ends when the server answers', async () => {
  const { outage, told } = createOutage([0, 0, 503, 'ok']);
  await Promise.all([outage.report(), outage.report()]);
  assert.deepEqual(told, [
    'unreachable',
    'wait 3000',
    'wait 3000',
    'wait 3000',
    'hidden',
    'recovered'
  ]);
});

test('a server that was restarted is signed in to without a word', async () => {
  const { outage, told } = createOutage([403, 'ok']);
  await outage.report();
  assert.deepEqual(told, ['sign in', 'hidden', 'recovered']);
});

test('a user whom the server refuses is told so until it lets them in again', async () => {
  const { outage, told } = createOutage([0, 403, 403, 403, 403, 403, 'ok']);
  await outage.report();
  assert.deepEqual(told, [
    'unreachable',
    'wait 3000',
    'sign in',
    'refused',
    'wait 15000',
    'sign in',
    'wait 15000',
    'sign in',
    'hidden',
    'recovered'
  ]);
});

test('a second outage is reported again', async () => {
  const { outage, told } = createOutage([0, 'ok', 0, 'ok']);
  await outage.report();
  await outage.report();
  assert.equal(told.filter(text => text === 'unreachable').length, 2);
});

test('a user who was refused once is signed in again, or told', async () => {
  const known = createOutage(['ok']);
  assert.equal(await known.outage.regain(), true);
  assert.deepEqual(known.told, []);
  const forgotten = createOutage([403, 'ok']);
  assert.equal(await forgotten.outage.regain(), true);
  assert.deepEqual(forgotten.told, ['sign in']);
  const signedOut = createOutage([403, 403, 403, 403, 'ok']);
  assert.equal(await signedOut.outage.regain(), false);
  await signedOut.outage.report();
  assert.ok(signedOut.told.includes('refused'));
});
