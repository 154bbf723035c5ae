package rtsp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"jiexun/edge-agent/internal/source"
)

func userinfo(user, password string) *url.Userinfo { return url.UserPassword(user, password) }

// explain turns a library error into a sentence for people.
func explain(err error, o Options) error {
	var status liberrors.ErrClientBadStatusCode
	if errors.As(err, &status) {
		return explainStatus(status, err, o)
	}
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &dns):
		return source.NewFault(source.FaultLost, fmt.Sprintf("找不到主机 %.60s：请核对地址或 DNS 设置", dns.Name), err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return source.NewFault(source.FaultLost, "摄像机拒绝连接：请核对端口（通常 554），并确认摄像机的 RTSP 服务已开启", err)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return source.NewFault(source.FaultLost, "网络不通：请检查摄像机电源、网线与网段", err)
	case errors.As(err, &liberrors.ErrClientUDPTimeout{}), errors.As(err, &liberrors.ErrClientTCPTimeout{}):
		return stalled(o.Timeout, o)
	case errors.As(err, &liberrors.ErrClientRequestTimedOut{}), errors.As(err, &timeout) && timeout.Timeout():
		return source.NewFault(source.FaultLost, "摄像机没有应答：请检查摄像机与网络", err)
	case errors.As(err, &liberrors.ErrClientServerRequestedTCP{}), errors.As(err, &liberrors.ErrClientServerPortsNotProvided{}):
		return source.NewFault(source.FaultUnsupported, "摄像机不支持 UDP 传输：请把传输方式改为 tcp", err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return source.NewFault(source.FaultLost, "摄像机断开了连接，正在自动重连", err)
	}
	return source.NewFault(source.FaultLost, "视频连接出错，正在自动重连", err)
}

func explainStatus(st liberrors.ErrClientBadStatusCode, err error, o Options) error {
	switch st.Code {
	case base.StatusUnauthorized, base.StatusForbidden:
		if o.Username == "" {
			return source.NewFault(source.FaultPassword, "摄像机要求登录：请填写用户名和密码", err)
		}
		return source.NewFault(source.FaultPassword, fmt.Sprintf("摄像机拒绝了用户“%.40s”：请核对用户名和密码（为避免账号被锁，约 5 分钟后才会再试）", o.Username), err)
	case base.StatusNotFound:
		return source.NewFault(source.FaultMissing, "摄像机上没有这个码流（404）：请核对地址中的路径、通道号与码流号", err)
	case base.StatusUnsupportedTransport:
		return source.NewFault(source.FaultUnsupported, "摄像机不支持该传输方式：请在 tcp 与 udp 之间改换", err)
	case base.StatusNotEnoughBandwidth, base.StatusServiceUnavailable:
		return source.NewFault(source.FaultLost, "摄像机的连接数已满：请减少同时取流的设备，或改从转发服务取流", err)
	}
	return source.NewFault(source.FaultLost, fmt.Sprintf("摄像机返回错误 %d：请核对地址，或重启摄像机", st.Code), err)
}

func stalled(idle time.Duration, o Options) error {
	if o.Transport == "udp" {
		return source.NewFault(source.FaultLost, fmt.Sprintf("%.0f 秒没有收到视频包：UDP 可能被防火墙拦截，可把传输方式改为 tcp", idle.Seconds()), nil)
	}
	return source.NewFault(source.FaultLost, fmt.Sprintf("%.0f 秒没有收到视频包：请检查摄像机与网络", idle.Seconds()), nil)
}
