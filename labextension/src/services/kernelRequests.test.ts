import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ServerConnection } from '@jupyterlab/services';

import { PatientKernelRequests } from './kernelRequests';

const KERNEL = { id: 'k', name: 'python3', execution_state: 'idle' };

function ask(status: number, body: unknown = {}): Promise<unknown> {
  const answer = () => Promise.resolve(new Response(JSON.stringify(body), { status }));
  const serverSettings = ServerConnection.makeSettings({
    baseUrl: 'http://server/',
    fetch: answer
  });
  return new PatientKernelRequests({ serverSettings }).getModel('k');
}

test('a kernel that lives is returned', async () => {
  assert.deepEqual(await ask(200, KERNEL), KERNEL);
});

test('a kernel that is gone is no error', async () => {
  assert.equal(await ask(404), undefined);
});

test('a server that does not know the user says nothing about the kernel', async () => {
  for (const status of [401, 403]) {
    await assert.rejects(ask(status), ServerConnection.NetworkError);
  }
});

test('other failures stay what they are', async () => {
  await assert.rejects(ask(500), ServerConnection.ResponseError);
});
