/**
 * What to do by hand, in Chinese: repairs that no command makes, as the core says them. In: patterns of English phrases. Out: text
 * with the same names, options and addresses.
 */
import type { Phrases } from './catalogue.ts';

const named = '(\\S+(?:, \\S+)*)';
const phrase = (pattern: string): RegExp => new RegExp(`^${pattern.replaceAll('NAMES', named)}$`);

export const repairs: Phrases = [
  [
    phrase('have the service in (\\S+) listen on port (\\S+) of all addresses, not of (\\S+) alone'),
    '让 $1 里的服务在所有地址的 $2 端口上监听，而不只是 $3',
  ],
  [
    phrase('start the service in (\\S+), listening on port (\\S+) of all addresses'),
    '启动 $1 里的服务，并在所有地址的 $2 端口上监听',
  ],
  [
    phrase('recreate (\\S+) with port (\\S+) published in place of (\\S+)'),
    '重建容器 $1，发布端口 $2 而不是 $3',
  ],
  [phrase('recreate (\\S+) with --add-host (\\S+)'), '重建容器 $1，并加上 --add-host $2'],
  [phrase('recreate (\\S+) without --mac-address (\\S+)'), '重建容器 $1，不指定 --mac-address $2'],
  [
    phrase('recreate NAMES with its port published on an address of this host'),
    '重建容器 $1，把端口发布在本机拥有的地址上',
  ],
  [
    phrase('stop what holds port (\\d+), or recreate NAMES with another host port'),
    '停掉占用端口 $1 的程序，或换一个主机端口重建容器 $2',
  ],
  [phrase('recreate the network (\\S+) with a larger subnet'), '用更大的子网重建网络 $1'],
  [
    phrase('recreate the network with a larger subnet, or remove containers from it'),
    '用更大的子网重建该网络，或移走其中一些容器',
  ],
  [phrase('recreate the network (\\S+) with -o (\\S+)'), '用 -o $2 重建网络 $1'],
  [phrase('recreate the network with -o (\\S+)'), '用 -o $1 重建该网络'],
  [phrase('recreate the network (\\S+) without --ipv4=false'), '重建网络 $1，不加 --ipv4=false'],
  [
    phrase('connect (\\S+) to the network (\\S+) with --gw-priority 1'),
    '用 --gw-priority 1 把容器 $1 接入网络 $2',
  ],
  [
    phrase('disconnect (\\S+) from the network (\\S*), or give (\\S+) a name that sorts before it'),
    '把容器 $1 从网络 $2 断开，或给 $3 换一个排序更靠前的名字',
  ],
  [
    phrase('connect (\\S+) to a network with IPv6 in place of this one'),
    '把容器 $1 改接到启用了 IPv6 的网络',
  ],
  [
    phrase(
      'make the bridge (\\S+) with an address at boot, before dockerd starts; or leave the option bridge out',
    ),
    '在开机时、dockerd 启动之前创建网桥 $1 并配好地址；或者去掉 bridge 选项',
  ],
  [
    phrase(
      'make the bridges of the engine ports of (\\S+) too, or lead the default route into the main table',
    ),
    '把引擎的网桥也加入 $1，或者把默认路由引入主表',
  ],
  [
    phrase('keep rules of nft in a table of their own, for instance inet site, not in (\\S+) (\\S*)'),
    '把 nft 规则放在单独的表里（例如 inet site），不要放在 $1 $2',
  ],
  [
    phrase('stop dockerd, move local-kv.db aside and keep it, start dockerd and create the networks again'),
    '停止 dockerd，把 local-kv.db 移到别处保存，启动 dockerd 后重新创建网络',
  ],
  [phrase('upgrade the engine to (\\S+) or newer'), '把引擎升级到 $1 或更新的版本'],
  [phrase('set (\\S+) to (\\S+), then restart dockerd'), '把 $1 设为 $2，然后重启 dockerd'],
];
