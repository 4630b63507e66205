package asset_test

import (
	"testing"

	"hinomi/internal/asset"
)

func TestRegionOfZone(t *testing.T) {
	for zone, want := range map[string]string{
		"ap-northeast-1a": "ap-northeast-1", "us-gov-west-1b": "us-gov-west-1", "cn-northwest-1c": "cn-northwest-1",
		"us-west-2-lax-1a": "us-west-2", "us-east-1-wl1-bos-wlz-1": "us-east-1", "eu-west-1": "eu-west-1",
		"use1-az1": "", "": "", "-": "", "a-b-c": "", "mars": "",
	} {
		if got := asset.RegionOfZone(zone); got != want {
			t.Errorf("%q: got %q, want %q", zone, got, want)
		}
	}
}

func TestPartition(t *testing.T) {
	for region, want := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-east-1": "aws-us-gov", "us-east-1": "aws"} {
		if got := asset.Partition(region); got != want {
			t.Errorf("%s: got %s, want %s", region, got, want)
		}
	}
}

func TestLabelAndRef(t *testing.T) {
	i := &asset.Instance{Meta: asset.Meta{Account: "1", Region: "eu-west-1", ID: "i-1", Tags: map[string]string{"Name": "web"}}}
	if got := i.Label(); got != "web (i-1)" {
		t.Errorf("got %s", got)
	}
	if got := (asset.Meta{ID: "i-2"}).Label(); got != "i-2" {
		t.Errorf("got %s", got)
	}
	if got := asset.RefOf(i).String(); got != "1/eu-west-1/instance/i-1" {
		t.Errorf("got %s", got)
	}
	if got := (&asset.InternetGateway{EgressOnly: true}).Kind(); got != asset.KindEgressOnlyGateway {
		t.Errorf("got %s", got)
	}
}
