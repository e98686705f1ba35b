/**
 * Signing in to a project's server again, through the hub, without leaving the page.
 */

/**
 * Fetch a page as a browser would, so that the hub's redirects renew the server's cookie.
 *
 * Answers nothing: whether it helped is for the next request to find out. The mode `no-cors` makes
 * it a plain page view, which the hub lets pass without the old cookie's XSRF token.
 */
export async function signInAgain(
  pageUrl: string,
  send: (url: string, init: RequestInit) => Promise<unknown>
): Promise<void> {
  try {
    await send(pageUrl, { mode: 'no-cors', credentials: 'same-origin', cache: 'no-store' });
  } catch (error) {
    console.warn('Signing in again did not get through.', error);
  }
}
