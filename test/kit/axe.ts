import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** Rules whose outcome hangs on colours and widths. */
const LOOKS = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'link-in-text-block'];

/**
 * What axe finds against WCAG 2.2 A and AA on a page as it is now, each with where it is.
 *
 * @param what `looks`: only what may be otherwise in other colours or at another width.
 */
export async function accessibilityFaults(page: Page, what: 'all' | 'looks' = 'all'): Promise<readonly string[]> {
  // In a world of its own, beside the page's policy.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const run = `axe.run(document, { runOnly: ${JSON.stringify(what === 'all' ? { type: 'tag', values: tags } : { type: 'rule', values: LOOKS })} }).then((found) => JSON.stringify(found.violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target, failureSummary }) => target.join(' ') + ' ' + failureSummary).join(' | '))))`;
  const evaluate = (expression: string) =>
    session.send('Runtime.evaluate', {
      contextId: executionContextId,
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
  await evaluate(axe.source);
  const { result, exceptionDetails } = await evaluate(run);
  await session.detach();
  if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return JSON.parse(String(result.value)) as string[];
}
