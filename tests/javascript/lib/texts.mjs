// Patches of text as CoCalc's clients make them (syncdoc-jupyter §1.6), and its hash (§1.17).

import diffMatchPatch from "diff-match-patch";

const texts = new diffMatchPatch();

// Returns the hunks `[[[op, text], ...], start1, start2, length1, length2]` from one text to another.
export const hunksBetween = (before, after) =>
  texts
    .patch_make(before, after)
    .map(({ diffs, start1, start2, length1, length2 }) => [
      diffs.map((diff) => [...diff]),
      start1,
      start2,
      length1,
      length2,
    ]);

// Applies hunks as far as they fit.
export function patchText(text, hunks) {
  const patches = hunks.map(([diffs, start1, start2, length1, length2]) =>
    Object.assign(new diffMatchPatch.patch_obj(), { diffs, start1, start2, length1, length2 }),
  );
  return texts.patch_apply(patches, text)[0];
}

// The 32-bit hash by which a file and a document are compared.
export function textHash(text) {
  let hash = 0;
  for (let index = 0; index < text.length; index++)
    hash = (Math.imul(31, hash) + text.charCodeAt(index)) | 0;
  return hash;
}
