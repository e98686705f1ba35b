import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  blobsOf,
  chooseRepresentation,
  dataOfOutput,
  imageLook,
  PLACEHOLDER,
  wholeOutputPath
} from './blobs';

const SHA1 = 'a'.repeat(40);
const RENDERERS = [
  { mimeType: PLACEHOLDER, safe: true },
  { mimeType: 'text/html', safe: true },
  { mimeType: 'text/latex', safe: true },
  { mimeType: 'image/svg+xml', safe: false },
  { mimeType: 'image/png', safe: true },
  { mimeType: 'application/pdf', safe: false },
  { mimeType: 'text/plain', safe: true }
];

function bundle(...mimeTypes: string[]) {
  const blobs = Object.fromEntries(mimeTypes.map(each => [each, { sha1: SHA1, size: 5 }]));
  return { 'text/plain': 'x', [PLACEHOLDER]: { blobs } };
}

void test('what is kept on the server has an address that names its type', () => {
  assert.deepEqual(chooseRepresentation(bundle('image/png'), RENDERERS, false), {
    mimeType: 'image/png',
    path: `cocalc/blobs/${SHA1}?type=image%2Fpng`
  });
});

void test('the page shows what it would show if everything were in the document', () => {
  const data = { ...bundle('image/png'), 'text/latex': '$x$' };
  assert.deepEqual(chooseRepresentation(data, RENDERERS, true), {
    mimeType: 'text/latex',
    path: null
  });
  assert.equal(
    chooseRepresentation(bundle('image/png', 'text/html'), RENDERERS, true)?.mimeType,
    'text/html'
  );
});

void test('an untrusted PDF is not shown, an untrusted SVG only as an image', () => {
  const pdf = chooseRepresentation(bundle('application/pdf'), RENDERERS, false);
  assert.deepEqual(pdf, { mimeType: 'text/plain', path: null });
  const svg = chooseRepresentation(bundle('image/svg+xml'), RENDERERS, false);
  assert.equal(svg?.mimeType, 'image/svg+xml');
});

void test('a malformed placeholder names nothing', () => {
  for (const value of [null, 'x', [], {}, { blobs: 'x' }, { blobs: { 'image/png': 'x' } }]) {
    assert.equal(blobsOf({ [PLACEHOLDER]: value }).size, 0);
  }
  const outside = { blobs: { 'image/png': { sha1: '../../../etc/passwd' } } };
  assert.equal(blobsOf({ [PLACEHOLDER]: outside }).size, 0);
});

void test('the size of an image may be said by the output or by its type', () => {
  assert.equal(imageLook({ width: 300 }, 'image/png').width, 300);
  const look = imageLook(
    { width: 300, 'image/png': { width: '20px', unconfined: true } },
    'image/png'
  );
  assert.deepEqual([look.width, look.height, look.unconfined], [20, undefined, true]);
  assert.equal(imageLook({ needs_background: 'light' }, 'image/png').background, 'light');
  assert.equal(imageLook({ needs_background: 'x" onload="' }, 'image/png').background, undefined);
});

void test('an output that is kept as a whole has an address', () => {
  const output = { sha1: SHA1, size: 5 };
  assert.equal(wholeOutputPath({ [PLACEHOLDER]: { output } }), `cocalc/blobs/${SHA1}`);
  assert.equal(wholeOutputPath({ [PLACEHOLDER]: { output: { sha1: '../x' } } }), null);
  assert.equal(wholeOutputPath(bundle('image/png')), null);
});

void test('a whole output has the representations that the page would give it', () => {
  const stream = { output_type: 'stream', name: 'stderr', text: ['a', 'b'] };
  assert.deepEqual(dataOfOutput(stream, undefined), { 'application/vnd.jupyter.stderr': 'ab' });
  const error = { output_type: 'error', ename: 'E', traceback: ['1', '2'] };
  assert.deepEqual(dataOfOutput(error, undefined), { 'application/vnd.jupyter.stderr': '1\n2' });
  const figure = { output_type: 'display_data', data: { 'application/json': [1] } };
  const blobs = { 'image/png': { sha1: SHA1, size: 5 } };
  const data = dataOfOutput(figure, { blobs, output: { sha1: SHA1 } });
  assert.deepEqual(data['application/json'], [1]);
  assert.equal(blobsOf(data).size, 1);
  assert.equal(wholeOutputPath(data), null);
  assert.deepEqual(dataOfOutput(null, undefined), {});
});
