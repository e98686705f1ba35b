/**
 * Makes sure that notifications can be shown when the server cannot be reached.
 *
 * JupyterLab loads the code that shows them for the first one; if that is the one about an outage,
 * the code is on the server that does not answer, and no notification is shown ever after.
 */

/** Load that code now; what goes wrong is left to the first notification. */
export async function preloadToasts(): Promise<void> {
  try {
    await import('react-toastify');
  } catch (error) {
    console.warn('An outage of the server may go without a notification.', error);
  }
}
