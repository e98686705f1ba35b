/**
 * Which kernel a notebook asks for that is not installed.
 */

/** The part of a notebook's metadata that names its kernel. */
export interface IKernelMetadata {
  kernelspec?: { name?: unknown; display_name?: unknown } | undefined;
}

/**
 * Return a readable name of the kernel that is missing, or `null` when there is nothing to say.
 *
 * `installed` has the names of the installed kernels; a notebook that names no kernel misses none.
 */
export function missingKernelOf(
  { kernelspec }: IKernelMetadata,
  installed: readonly string[]
): string | null {
  const name = kernelspec?.name;
  if (typeof name !== 'string' || name === '' || installed.includes(name)) {
    return null;
  }
  const shown = kernelspec?.display_name;
  return typeof shown === 'string' && shown !== '' && shown !== name ? `${shown} (${name})` : name;
}
