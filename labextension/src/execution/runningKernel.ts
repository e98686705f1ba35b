/**
 * Which kernel a notebook has already, although this page does not use it.
 */
import type { Session } from '@jupyterlab/services';

/** Return the id of the kernel that runs for a path, or `null` when none does. */
export function runningKernelOf(
  sessions: Iterable<Pick<Session.IModel, 'path' | 'kernel'>>,
  path: string
): string | null {
  for (const session of sessions) {
    if (session.path === path && session.kernel) {
      return session.kernel.id;
    }
  }
  return null;
}
