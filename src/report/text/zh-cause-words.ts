/**
 * Words that the texts of causes share, in Chinese: settings and their origins, rules, lists, what leaves unmasked. In: a story.
 * Out: parts of sentences.
 */
import type { Origin } from '../../net/reason.ts';
import type { Story } from '../story.ts';
import { solid } from './layout.ts';

/** Where a value was set, in words. */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return '默认值';
    case 'file':
      return `${origin.path} 第 ${origin.line} 行`;
    case 'flag':
      return `dockerd 启动参数 ${origin.flag}`;
    case 'env':
      return `环境变量 ${origin.name}`;
    case 'implied':
      return `由 ${origin.by} 决定：${originText(origin.origin)}`;
    case 'network':
      return `网络 ${origin.network}`;
    case 'container':
      return `容器 ${origin.container}`;
  }
}

/** `a`, `a 和 b`, `a、b 和 c`; of many the first three. */
export function list(items: readonly string[]): string {
  if (items.length > 4) return `${items.slice(0, 3).join('、')} 等 ${items.length} 个`;
  const last = items.at(-1) ?? '';
  return items.length < 2 ? last : `${items.slice(0, -1).join('、')} 和 ${last}`;
}

export function setting(s: Story): string {
  const name = s.param('setting');
  const origin = s.because === undefined ? '' : `（${originText(s.because.origin)}）`;
  return `${name} 的值是 ${s.param('value')}${origin}`;
}

export function leavesUnmasked(s: Story, why: string): string {
  const { exit } = s;
  if (exit === undefined) return '';
  const there = exit.sources.length === 1 ? '该地址' : '这些地址';
  return `数据包从上联口（${exit.dev}）发出时源地址仍是 ${list(exit.sources)}，因为${why}；外部没有回到${there}的路由，应答回不来。`;
}

export function noMasquerade(s: Story): string {
  const subnets = list(s.masquerade.subnets);
  const without = subnets === '' ? '' : `nat/POSTROUTING 里没有针对 ${subnets} 的规则。`;
  return leavesUnmasked(s, ` nat/POSTROUTING 里没有针对 ${subnets} 的规则`) || without;
}

export function rules(lines: readonly string[]): string {
  return list(lines.map(solid));
}

export function ruleOf(s: Story): string {
  const chain = `${s.param('table')}/${s.param('chain')}`;
  const position = s.param('position');
  return position === '0' ? `${chain} 的默认策略` : `${chain} 的第 ${position} 条规则`;
}

export function ruleText(s: Story): string {
  return solid(s.param('rule'));
}

/** Chains without the name of their table. */
export function chainsOf(s: Story): string {
  const table = `${s.param('table')} `;
  return list(
    s
      .param('chain')
      .split(', ')
      .map((name) => (name.startsWith(table) ? name.slice(table.length) : name)),
  );
}

export function askedBy(s: Story): string {
  const origin = s.because?.origin;
  if (origin?.kind === 'container')
    return `容器 ${origin.container} 启动时指定了 ${solid(`-p ${s.param('value')}`)}`;
  const network = s.param('network');
  return network === ''
    ? ` ${setting(s)}`
    : `网络 ${network} 创建时指定了 ${solid(`${s.param('setting')}=${s.param('value')}`)}`;
}

export const noStart = (s: Story) => `dockerd 没有启动成功：${s.param('reason')}`;
export const restriction = '这是按配置生效的限制，不是故障。';
