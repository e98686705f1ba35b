import assert from 'node:assert/strict';
import { test } from 'node:test';

import { missingKernelOf } from './missingKernel';

const INSTALLED = ['python3'];

test('an installed kernel is not missing', () => {
  assert.equal(missingKernelOf({ kernelspec: { name: 'python3' } }, INSTALLED), null);
});

test('a notebook that names no kernel misses none', () => {
  assert.equal(missingKernelOf({}, INSTALLED), null);
  assert.equal(missingKernelOf({ kernelspec: {} }, INSTALLED), null);
  assert.equal(missingKernelOf({ kernelspec: { name: '' } }, INSTALLED), null);
});

test('a missing kernel is called as people know it and as it is installed', () => {
  const kernelspec = { name: 'julia-1.9', display_name: 'Julia 1.9' };
  assert.equal(missingKernelOf({ kernelspec }, INSTALLED), 'Julia 1.9 (julia-1.9)');
});

test('a missing kernel without a name for people is called as it is installed', () => {
  assert.equal(missingKernelOf({ kernelspec: { name: 'ir', display_name: 7 } }, INSTALLED), 'ir');
  assert.equal(
    missingKernelOf({ kernelspec: { name: 'ir', display_name: 'ir' } }, INSTALLED),
    'ir'
  );
});
