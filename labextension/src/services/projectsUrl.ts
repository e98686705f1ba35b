/**
 * Where the projects of a hub are listed.
 */
import { PageConfig } from '@jupyterlab/coreutils';

/** Return the address of the hub's projects page, or `null` without a hub with projects. */
export function projectsUrl(): string | null {
  return PageConfig.getOption('cocalcProjectsUrl') || null;
}
