/**
 * The Chinese catalogue. What each cause means stands in zh-causes.ts. Outcomes keep their slug behind the Chinese word, since
 * that is what JSON and documentation call them.
 */
import type { Outcome } from '../../packet/trace.ts';
import { type Catalogue, type Phrases, rewrite } from './catalogue.ts';
import { originText } from './zh-cause-words.ts';
import { causes } from './zh-causes.ts';
import { repairs } from './zh-repairs.ts';
import { steps } from './zh-steps.ts';

const outcomes: Readonly<Record<string, string>> = {
  ok: '通',
  timeout: '超时',
  refused: '被拒绝',
  'connected-then-timeout': '连上后超时',
  'connected-then-closed': '连上后被断开',
  'net-unreachable': '网络不可达',
  'host-unreachable': '主机不可达',
  unknown: '未知',
};

function outcomeText(outcome: Outcome): string {
  const word = outcomes[outcome];
  return word === undefined ? outcome : `${word} (${outcome})`;
}

/** Why packets die, what is not known and what to edit, as the core says it. */
const phrases: Phrases = [
  [/^no route$/, '没有路由'],
  [/^no route to (\S+)$/, '没有到 $1 的路由'],
  [/^policy DROP$/, '默认策略 DROP'],
  [/^DROP$/, '被规则 DROP'],
  [/^REJECT with (.+)$/, '被规则 REJECT（$1）'],
  [/^chains loop$/, '链互相跳转成环'],
  [/^(\S+) finds no address to use$/, '$1 找不到可用的地址'],
  [/^target (\S+) is not understood$/, '不认识目标 $1'],
  [/^(blackhole|unreachable|prohibit) route in (\S+)$/, '$2 表中的 $1 路由'],
  [/^blackhole route$/, 'blackhole 路由'],
  [/^(\S+) is down or gone$/, '$1 没有启用或已不存在'],
  [/^no source address(?: for (\S+))?$/, '没有可用的源地址 $1'],
  [/^source is multicast$/, '源地址是组播地址'],
  [/^source (\S+) may not leave by (\S+) \((.+)\)$/, '源地址 $1 不得从 $2 发出（$3）'],
  [/^lo is down$/, 'lo 没有启用'],
  [/^link is down$/, '接口没有启用'],
  [/^no neighbour (\S+)$/, '解析不到邻居 $1'],
  [/^nobody on (\S+) answers for this address$/, '$1 上没有谁应答这个地址'],
  [/^the answer of (\S+) does not come back to (\S+)$/, '$1 的应答回不到 $2'],
  [/^nothing is known beyond this link$/, '不知道这个接口的对端是什么'],
  [/^the parent link is down or not known$/, '父接口没有启用或未知'],
  [/^frame is larger than the MTU$/, '帧超过 MTU'],
  [/^(\d+) bytes, MTU (\d+)$/, '$1 字节，MTU $2'],
  [
    /^(\d+) bytes do not fit the MTU of (\d+) of (\S+), and DF is set$/,
    '$1 字节超过 $3 的 MTU $2，且设置了 DF',
  ],
  [/^(\d+) bytes do not fit the MTU of (\d+)$/, '$1 字节超过 MTU $2'],
  [/^frame is for another MAC$/, '帧的目的 MAC 不是它'],
  [/^bridge port does not forward$/, '网桥端口不转发'],
  [/^(\S+) is (down|disabled|listening|learning|blocking)$/, '$1 处于 $2 状态'],
  [/^no route after DNAT of a bridged frame$/, '桥接帧做 DNAT 之后没有路由'],
  [/^hairpin off$/, '没有开启 hairpin'],
  [/^(\S+) does not send a frame back where it came from$/, '$1 不会把帧从原端口发回'],
  [/^bridge ports isolated$/, '网桥端口相互隔离'],
  [/^(\S+) and (\S+) are isolated$/, '$1 和 $2 都是 isolated 端口'],
  [/^no station has this MAC$/, '没有谁使用这个 MAC'],
  [/^(\S+) is behind no port of (\S+)$/, '$2 的端口后面没有 $1'],
  [/^bridge port neither learns nor floods$/, '网桥端口既不学习也不泛洪'],
  [/^(\S+) has learning off and flood off$/, '$1 关闭了 learning 和 flood'],
  [/^nftables (base|bridge|netdev) chain, contents not evaluated$/, 'nftables 链，内容未求值'],
  [/^rules not in the facts$/, '采集的数据里没有防火墙规则'],
  [/^routing loop$/, '路由成环'],
  [/^the frame goes in circles$/, '帧在二层成环'],
  [/^TTL used up$/, 'TTL 耗尽'],
  [/^forwarding off$/, '没有开启转发'],
  [/^forwarding of (\S+) is 0$/, '$1 的 forwarding 为 0'],
  [/^route_localnet of (\S+) is 0$/, '$1 的 route_localnet 为 0'],
  [/^martian source$/, '非法源地址（martian source）'],
  [/^martian destination$/, '非法目的地址（martian destination）'],
  [/^the source is an address of this host$/, '源地址是本机地址'],
  [/^reverse path filter$/, '反向路径过滤'],
  [
    /^rp_filter of (\S+) is (\d) \((strict|loose)\) and the route back is by (\S+)$/,
    '$1 的 rp_filter 为 $2，而回程路由走 $4',
  ],
  [
    /^rp_filter of (\S+) is (\d) \((strict|loose)\) and there is no route back$/,
    '$1 的 rp_filter 为 $2，而没有回程路由',
  ],
  [/^nobody listens on this port$/, '这个端口没有监听者'],
  [/^listening: (\S+)$/, '$1 的端口有监听者'],
  [/^the namespace (\S+) is not in the facts$/, '资料中没有命名空间 $1'],
  [/^what (\S+) says of (\S+)$/, '$1 对 $2 的应答'],
  [/^the name servers of (\S+)$/, '$1 使用哪些域名服务器'],
  [/^the name that (\S+) asks for$/, '$1 要查询的域名'],
  [/^which names the engine's resolver in (\S+) knows$/, '$1 中引擎的解析器知道哪些名字'],
  [/^which servers the engine's resolver in (\S+) asks$/, '$1 中引擎的解析器向哪些服务器查询'],
  [/^IPv6 is not modelled$/, '尚不支持模拟 IPv6'],
  [/^nftables chain (.+) \((.+)\) lets the (?:packet|frame) pass$/, 'nftables 链 $1（$2）是否放行'],
  [/^target (\S+) of rule (\d+) in (\S+) lets the packet pass$/, '$3 第 $2 条规则的目标 $1 是否放行'],
  [/^(.+) of rule (\d+) of (.+) lets the packet pass$/, '$3 第 $2 条规则的 $1 是否放行'],
  [/^the map of rule (\d+) of (.+) gives (.+): (.+)$/, '$2 第 $1 条规则的映射是否给出 $3（$4）'],
  [/^what the set (\S+) holds by then$/, '集合 $1 届时的成员'],
  [/^members of set (\S+)$/, '集合 $1 的成员'],
  [/^(masquerade|redirect) finds no address to use$/, '$1 找不到可用的地址'],
  [/^(.+) is not understood$/, '不理解 $1'],
  [/^TPROXY finds no socket$/, 'TPROXY 找不到套接字'],
  [
    /^a transparent socket of (\S+) listens on port (\S+) \(rule (\d+) of (.+)\)$/,
    '$4 第 $3 条规则：$1 是否有透明套接字监听端口 $2',
  ],
  [/^TCP options of the packet$/, '包的 TCP 选项'],
  [/^type of service of the packet$/, '包的服务类型（TOS）'],
  [/^what the ipset (\S+) of type (\S+) holds$/, '类型为 $2 的 ipset $1 的成员'],
  [/^how much the connection has carried \((.+)\)$/, '连接已传输的数据量（$1）'],
  [/^how much of the quota is left \((.+)\)$/, '配额还剩多少（$1）'],
  [/^realm of the route(?: \((.+)\))?$/, '路由的 realm'],
  [/^group of the device(?: \((.+)\))?$/, '接口所属的组'],
  [/^(?:type|kind) of the device$/, '接口的类型'],
  [/^which processor handles the packet(?: \((.+)\))?$/, '由哪个处理器处理该包'],
  [/^labels of the connection \((.+)\)$/, '连接的标签（$1）'],
  [/^counts of nfacct \((.+)\)$/, 'nfacct 的计数（$1）'],
  [/^the rate that was measured \((.+)\)$/, '测得的速率（$1）'],
  [/^helper of the connection \((.+)\)$/, '连接的 helper（$1）'],
  [/^whether a socket is connected to the sender \((.+)\)$/, '是否有套接字与发送方相连（$1）'],
  [/^hash of the packet \((.+)\)$/, '包的哈希值（$1）'],
  [/^operating system of the sender \((.+)\)$/, '发送方的操作系统（$1）'],
  [/^whether a local socket owns the packet$/, '包是否属于本机的套接字'],
  [/^route of the packet$/, '包的路由'],
  [/^tunnel that the packet came from$/, '包来自哪个隧道'],
  [/^whether IPsec handles the packet$/, 'IPsec 是否处理该包'],
  [/^time of day$/, '当时的时间'],
  [/^contents of the packet$/, '包的内容'],
  [/^whether the packet has the (.+)$/, '包是否带有 $1'],
  [/^bits (\d+) to (\d+) of the packet \((.+)\)$/, '包的第 $1 到 $2 位（$3）'],
  [/^how many connections there are \((.+)\)$/, '现有多少连接（$1）'],
  [/^what the program that reads the queue decides \((.+)\)$/, '读取队列的程序如何决定（$1）'],
  [/^whether a transparent socket takes the packet \((.+)\)$/, '是否有透明套接字接收该包（$1）'],
  [/^whether the client ends its handshake with the proxy \((.+)\)$/, '客户端是否与代理完成握手（$1）'],
  [
    /^what becomes of the frame behind the device that it is moved to \((.+)\)$/,
    '帧被转到的设备之后会怎样（$1）',
  ],
  [/^how many connections the address has$/, '该地址现有多少连接'],
  [/^members of ipset (\S+)$/, 'ipset $1 的成员'],
  [/^entries of the recent list (\S+)$/, 'recent 列表 $1 的内容'],
  [/^chance \((.+)\)$/, '随机结果（$1）'],
  [/^contents of the packet \((.+)\)$/, '包的内容（$1）'],
  [/^time of day \((.+)\)$/, '当时的时间（$1）'],
  [/^TCP flags of the packet$/, '包的 TCP 标志'],
  [/^user and group of the sending process$/, '发送进程的用户和组'],
  [/^control group of the sending process$/, '发送进程的 cgroup'],
  [/^whether a local socket owns the packet \((.+)\)$/, '包是否属于本机的套接字（$1）'],
  [/^whether the route back leaves by the same device \((.+)\)$/, '回程路由是否走同一接口（$1）'],
  [/^whether IPsec handles the packet \((.+)\)$/, 'IPsec 是否处理该包（$1）'],
  [/^what (-m \S+) matches$/, '$1 匹配什么'],
  [/^status of the connection$/, '连接的状态'],
  [/^addresses of the connection$/, '连接的地址'],
  [/^number of protocol (\S+)$/, '协议 $1 的编号'],
  [
    /^the engine version is unknown: (\S+) is missing or names none, and no rules show it$/,
    '不知道引擎版本：$1 缺失或没有写明，从规则中也看不出来',
  ],
  [
    /^the networks are unknown: (\S+) is missing or unreadable, and (\S+) with it$/,
    '不知道有哪些网络：$1 和 $2 都缺失或无法读取',
  ],
  [
    /^links, addresses, routes and sysctls are as the engine makes them$/,
    '链路、地址、路由和 sysctl 都是引擎通常设置的样子',
  ],
  [
    /^settings that no rule shows are the defaults: what is missing may also have been turned off$/,
    '规则中看不出的设置都取默认值；缺失的规则也可能是被设置关掉的',
  ],
  [/^the uplink is (\S+) with (\S+)$/, '上行网卡是 $1，地址 $2'],
  [
    /^nothing on the host listens but docker-proxy, and every port of a container does$/,
    '主机上只有 docker-proxy 在监听，容器的每个端口都有监听者',
  ],
  [
    /^containers that stand in for those that no rule names: (.+)$/,
    '规则中没有出现的容器，用这些地址代替：$1',
  ],
  [/^there are no native nftables besides$/, '此外没有原生 nftables 规则'],
  [/^IPv6 is left out: its rules are not there$/, '不考虑 IPv6：资料中没有它的规则'],
  [/^the subnet of (\S+) is (\S+): no rule names it$/, '$1 的子网是 $2（规则中没有写明）'],
  [/^the subnet of (\S+) is not known: no rule names it$/, '不知道 $1 的子网：规则中没有写明'],
  [
    /^the legacy tables of (\S+) let the packet pass \((\S+) is not in the facts\)$/,
    '$1 的 legacy 表是否放行（资料中没有 $2）',
  ],
  [
    /^the rest of the nft tables of (\S+) let the packet pass \((\S+) is cut off\)$/,
    '$1 其余的 nft 表是否放行（$2 不完整）',
  ],
  [
    /^the rules of (\S+) let the packet pass \((\S+) is not in the facts\)$/,
    '$1 的规则是否放行（资料中没有 $2）',
  ],
  [
    /^the policy of (\S+) filter FORWARD: no log shows whether dockerd set DROP, so that ACCEPT counts as planned$/,
    '$1 filter FORWARD 的默认策略：没有日志说明 dockerd 是否设置过 DROP，因此把 ACCEPT 当作应有的值',
  ],
  [/^engine (.+) is not supported; supported are (.+)$/, '不支持引擎 $1；支持的有 $2'],
  [/^dockerd refuses to start: (.+)$/, 'dockerd 拒绝启动：$1'],
  [/^(\S+) has learned (\S+) on (\S+)$/, '$1 是否在 $3 上学到了 $2'],
  [/^(.+) line (\d+): (.+), then restart dockerd$/, '$1 第 $2 行改为 $3，然后重启 dockerd'],
  [
    /^remove (\S+) from dockerd's arguments, then restart dockerd$/,
    '从 dockerd 的启动参数中去掉 $1，然后重启 dockerd',
  ],
  [/^restart dockerd: the configuration says so already$/, '重启 dockerd：配置里已经是这样写的'],
  [
    /^stop all containers before that restart: with live-restore the default network keeps its settings while any runs$/,
    '重启之前先停掉所有容器：启用 live-restore 时，只要还有容器在运行，默认网络就保持原来的设置',
  ],
  [/^then start again: (.+)$/, '然后重新启动：$1'],
  [/^set (\S+) to (.+), then restart dockerd$/, '把 $1 设为 $2，然后重启 dockerd'],
  [
    /^recreate the network (\S+) without --internal, or attach a second network$/,
    '重建网络 $1，去掉 --internal；或者再接入一个网络',
  ],
  [/^give (\S+) its address in (\S+) again, then: (.+)$/, '先给 $1 恢复它在 $2 中的地址，然后：$3'],
  [/^recreate the network (\S+) without (.+)$/, '重建网络 $1，去掉 $2'],
  [/^recreate (\S+) with (.+) in place of (.+)$/, '重建容器 $1，把 $3 换成 $2'],
  [/^recreate the networks (.+) with (-o \S+)$/, '重建网络 $1，加上 $2'],
  [/^add (.+) to daemon\.json, then restart dockerd$/, '在 daemon.json 中加上 $1，然后重启 dockerd'],
  [
    /^set "dns" in daemon\.json to servers that containers reach, restart dockerd and recreate the containers$/,
    '在 daemon.json 中把 "dns" 设为容器能访问的服务器，重启 dockerd，然后重建容器',
  ],
  [
    /^("mtu": \d+) in daemon\.json for the default network, (\S+) for others; then recreate the containers$/,
    '默认网络：daemon.json 中设 $1；其他网络：$2；然后重建容器',
  ],
];

/** Repairs first: the others have more general words. */
const allPhrases: Phrases = [...repairs, ...phrases];

/** What a rule's match depends on is a phrase of its own. */
function phraseText(text: string): string {
  const step = steps.get(text);
  if (step !== undefined) return step;
  const match = /^rule (\d+) of (.+?) matches: (.+)$/.exec(text);
  if (match === null) return rewrite(allPhrases, text);
  const [, position, chain, what = ''] = match;
  return `${chain} 第 ${position} 条规则是否匹配：${rewrite(phrases, what)}`;
}

export const chinese: Catalogue = {
  language: 'zh',
  causes,
  stopsAlso: (summary, rules) =>
    `${summary}${summary.endsWith('。') ? '' : '；'}同一防火墙还拦截了别的流量：${rules.join('、')}`,
  labels: {
    because: '原因',
    evidence: '证据',
    diesAt: '断在',
    repair: '修复',
    or: '或者',
    proof: '验证',
    price: '代价',
    together: '同时',
    unknown: '未知',
    decide: '可查',
    whatIf: '假如',
    engine: '引擎',
    networks: '网络',
    drops: '丢弃',
    supposed: '假定',
  },
  steps: {
    send: '发出',
    receive: '进入',
    route: '路由',
    hook: '钩子',
    nat: '改写',
    transmit: '送出',
    bridge: '桥接',
    proxy: '代理',
    drop: '断在此处',
  },
  severity: { error: '故障', warning: '注意', info: '限制' },
  outcome: outcomeText,
  origin: originText,
  lasts: { config: '', command: '立即生效，重启后失效', rule: '立即生效，规则重建后失效' },
  phrase: phraseText,
  failing: (failing, asked) => `${asked} 条流中 ${failing} 条不通`,
  notDecided: (flows, asked) => `${asked} 条流中 ${flows} 条无法判断`,
  healthy: (asked) => `一切正常：${asked} 条流全部畅通`,
  healthyBut: (ok, asked) => `没有发现故障：${asked} 条流中 ${ok} 条畅通`,
  undecided: (unknown, asked) => `无法判断：${asked} 条流中 ${unknown} 条结果未知`,
  undecidedFacts: '无法判断：资料不完整',
  nothingAsked: '无法判断：资料中没有可以询问的对象',
  faults: (findings, failing, asked) => `${findings} 个发现；${asked} 条流中 ${failing} 条不通`,
  unexplained: (flows) => `另有 ${flows} 条流不通，已知的改动都无法使其恢复：`,
  unknownFlows: (flows) => `${flows} 条流缺少判断依据：`,
  rulesAlone: '只有防火墙规则：链路、地址、路由、sysctl 和容器都不在资料中',
  noEngine: '从规则中看不出有容器引擎',
  engineLike: (first, last) => `规则的写法与 ${first === last ? last : `${first} 到 ${last}`} 一致`,
  driftedRules: (count) =>
    count === 0
      ? '这些网络应有的规则都在'
      : `应有的规则和链中有 ${count} 处缺失或位置不对，drift 命令会逐条列出`,
  rulesLetPass: (asked) =>
    `无法判断：规则放行了全部 ${asked} 条流；主机的其余部分是否正常，要用 capture 采集后才能判断`,
  rulesNothingAsked: '无法判断：规则中看不出任何网络，请用 capture 采集这台主机',
  expectedUnknown: (why) => `没有可对照的预期规则：${why}`,
  notInFacts: (what) => `资料中缺少以下内容，而模拟要依据它：${what}`,
  planned: '应有',
  death: (way, namespace, where) =>
    `${namespace}, ${where}（${{ request: '请求', reply: '应答', data: '数据' }[way]}）`,
  onlyWith: (cause, flows) =>
    flows === undefined ? `须与 ${cause} 的修复一起进行才有效` : `其中 ${flows} 条流还需要 ${cause} 的修复`,
  proved: (flows) => `按修复后的状态模拟：${flows} 条流全部畅通`,
  wrongReceiver: '应答者不对',
  alsoAllowed: (flows) => `修复后还会放行 ${flows} 条流：`,
  nothingElse: '不会放行其他任何流',
  routedThere: '前提是外部有到那里的路由',
  more: (count) => `另有 ${count} 条`,
  request: '请求',
  reply: '应答',
  data: '数据（握手之后）',
  either: (texts) => texts.join(' 或 '),
  possible: (outcomes, kinds) =>
    kinds === 1 ? `总是 ${outcomes}，但由谁应答、源地址是什么尚不确定` : `可能是 ${outcomes}`,
  bounds: (ifSo, ifNot) => `若是则 ${ifSo}，若否则 ${ifNot}`,
  doesNotMatter: '在这里不影响结果',
  noReply: '没有应答发出',
  policy: (chain) => `${chain} 的默认策略`,
  packets: (count) => `${count} 个包`,
  seenAs: (address) => `对方看到的源地址 ${address}`,
  deliveredTo: (namespace, place) => `送达 ${namespace} 的 ${place}`,
  transition: {
    restart: 'dockerd 连同容器重启之后',
    'live-restore': 'dockerd 重启之后，容器继续运行',
  },
  changesNothing: '在这里什么也不改变',
  answers: (addresses) => `应答 ${addresses}`,
  assumed: (what) => `假定：${what}`,
};
