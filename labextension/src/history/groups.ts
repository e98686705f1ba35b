/**
 * Versions that people take for one: a run makes a version of each piece of its output.
 */
import type { IVersion } from '../services/history';

/** Versions that follow each other, newest first. */
export interface IGroup {
  newest: IVersion;
  versions: readonly IVersion[];
}

/** How much later than its oldest version the newest one of a group may be. */
const SPAN_MS = 60_000;

/**
 * Put the versions of runs that follow each other within a minute together.
 *
 * What people do stays apart: they look for the moment before it, above all before they restored.
 */
export function groupsOf(
  versions: readonly IVersion[],
  isOfRun: (version: IVersion) => boolean
): IGroup[] {
  const groups: { newest: IVersion; versions: IVersion[] }[] = [];
  for (const version of versions) {
    const group = groups.at(-1);
    if (
      group !== undefined &&
      isOfRun(group.newest) &&
      isOfRun(version) &&
      group.newest.wall - version.wall <= SPAN_MS
    ) {
      group.versions.push(version);
    } else {
      groups.push({ newest: version, versions: [version] });
    }
  }
  return groups;
}

/** Keep every version on its own. */
export function singlesOf(versions: readonly IVersion[]): IGroup[] {
  return versions.map(version => ({ newest: version, versions: [version] }));
}

/** Return the group that holds a version, and whose place in the list it is. */
export function indexOf(groups: readonly IGroup[], version: number | null): number {
  return groups.findIndex(group => group.versions.some(each => each.version === version));
}
