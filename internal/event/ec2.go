package event

import "hinomi/internal/asset"

// ec2Calls says what each call of the EC2 API that changes something changes of what hinomi keeps. CreateTags and DeleteTags are not in it:
// what they change is in the ids they name. The calls are those of the API's model of 2016-11-15 (EC2 API Reference, "Actions"); a test
// holds the table against the model.
var ec2Calls = index([]effect{
	{kinds: launched, calls: `
			CancelConversionTask CancelSpotFleetRequests CancelSpotInstanceRequests CreateFleet DeleteFleets ImportInstance ModifyFleet
			ModifySpotFleetRequest RequestSpotFleet RequestSpotInstances RunInstances RunScheduledInstances TerminateInstances`},
	{kinds: []asset.Kind{asset.KindAddress}, calls: `
			AcceptAddressTransfer AllocateAddress DisableAddressTransfer EnableAddressTransfer ModifyAddressAttribute MoveAddressToVpc ReleaseAddress
			ResetAddressAttribute RestoreAddressToClassic`},
	{kinds: []asset.Kind{asset.KindAddress, asset.KindNetworkInterface, asset.KindInstance}, calls: `
			AssociateAddress DisassociateAddress`},
	{kinds: []asset.Kind{asset.KindBlockPublicAccess, asset.KindBlockPublicAccessExcl}, calls: `
			CreateVpcBlockPublicAccessExclusion DeleteVpcBlockPublicAccessExclusion ModifyVpcBlockPublicAccessExclusion
			ModifyVpcBlockPublicAccessOptions`},
	{kinds: []asset.Kind{asset.KindCustomerGateway}, calls: `
			CreateCustomerGateway DeleteCustomerGateway`},
	{kinds: []asset.Kind{asset.KindEgressOnlyGateway}, calls: `
			CreateEgressOnlyInternetGateway DeleteEgressOnlyInternetGateway`},
	{kinds: []asset.Kind{asset.KindEndpoint, asset.KindNetworkInterface, asset.KindRouteTable, asset.KindSecurityGroup, asset.KindPrefixList}, calls: `
			AcceptVpcEndpointConnections CreateVpcEndpoint DeleteVpcEndpoints ModifyVpcEndpoint RejectVpcEndpointConnections`},
	{kinds: []asset.Kind{asset.KindFlowLog}, calls: `
			CreateFlowLogs DeleteFlowLogs`},
	{kinds: []asset.Kind{asset.KindImage}, calls: `
			CancelImageLaunchPermission DisableImage DisableImageDeprecation DisableImageDeregistrationProtection EnableImage EnableImageDeprecation
			EnableImageDeregistrationProtection ModifyImageAttribute ResetImageAttribute`},
	{kinds: []asset.Kind{asset.KindImage, asset.KindSnapshot}, calls: `
			CopyImage CreateImage CreateRestoreImageTask DeregisterImage ImportImage RegisterImage RestoreImageFromRecycleBin`},
	{kinds: []asset.Kind{asset.KindInstance}, calls: `
			AssociateIamInstanceProfile DisassociateIamInstanceProfile ModifyInstanceCpuOptions ModifyInstanceCreditSpecification
			ModifyInstanceMaintenanceOptions ModifyInstanceMetadataOptions ModifyInstanceNetworkPerformanceOptions ModifyInstancePlacement
			MonitorInstances RebootInstances ReplaceIamInstanceProfileAssociation UnmonitorInstances`},
	{kinds: []asset.Kind{asset.KindInstance, asset.KindNetworkInterface}, calls: `
			ModifyInstanceAttribute ModifyPrivateDnsNameOptions ModifyPublicIpDnsNameOptions ResetInstanceAttribute StartInstances StopInstances`},
	{kinds: []asset.Kind{asset.KindInstance, asset.KindVPC}, calls: `
			AttachClassicLinkVpc DetachClassicLinkVpc DisableVpcClassicLink DisableVpcClassicLinkDnsSupport EnableVpcClassicLink
			EnableVpcClassicLinkDnsSupport`},
	{kinds: []asset.Kind{asset.KindInstance, asset.KindVolume, asset.KindSnapshot}, calls: `
			CreateReplaceRootVolumeTask`},
	{kinds: []asset.Kind{asset.KindInternetGateway}, calls: `
			AttachInternetGateway CreateInternetGateway DeleteInternetGateway DetachInternetGateway`},
	{kinds: []asset.Kind{asset.KindKeyPair}, calls: `
			CreateKeyPair DeleteKeyPair ImportKeyPair`},
	{kinds: []asset.Kind{asset.KindNATGateway, asset.KindAddress}, calls: `
			AssignPrivateNatGatewayAddress AssociateNatGatewayAddress DisassociateNatGatewayAddress UnassignPrivateNatGatewayAddress`},
	{kinds: []asset.Kind{asset.KindNATGateway, asset.KindNetworkInterface, asset.KindAddress}, calls: `
			CreateNatGateway DeleteNatGateway`},
	{kinds: []asset.Kind{asset.KindNetworkACL}, calls: `
			CreateNetworkAcl CreateNetworkAclEntry DeleteNetworkAcl DeleteNetworkAclEntry ReplaceNetworkAclAssociation ReplaceNetworkAclEntry`},
	{kinds: []asset.Kind{asset.KindNetworkInterface}, calls: `
			ApplySecurityGroupsToClientVpnTargetNetwork AssociateClientVpnTargetNetwork CreateInstanceConnectEndpoint CreateVerifiedAccessEndpoint
			DeleteInstanceConnectEndpoint DeleteVerifiedAccessEndpoint DisassociateClientVpnTargetNetwork ModifyInstanceConnectEndpoint
			ModifyVerifiedAccessEndpoint`},
	{kinds: []asset.Kind{asset.KindNetworkInterface, asset.KindInstance}, calls: `
			AssignIpv6Addresses AssignPrivateIpAddresses AssociateTrunkInterface AttachNetworkInterface CreateNetworkInterface DeleteNetworkInterface
			DetachNetworkInterface DisassociateTrunkInterface ModifyNetworkInterfaceAttribute ResetNetworkInterfaceAttribute UnassignIpv6Addresses
			UnassignPrivateIpAddresses`},
	{kinds: []asset.Kind{asset.KindPeering, asset.KindRouteTable}, calls: `
			AcceptVpcPeeringConnection CreateVpcPeeringConnection DeleteVpcPeeringConnection ModifyVpcPeeringConnectionOptions
			RejectVpcPeeringConnection`},
	{kinds: []asset.Kind{asset.KindPrefixList, asset.KindRouteTable, asset.KindSecurityGroup}, calls: `
			CreateManagedPrefixList DeleteManagedPrefixList ModifyManagedPrefixList RestoreManagedPrefixListVersion`},
	{kinds: []asset.Kind{asset.KindRouteTable}, calls: `
			AssociateRouteTable CreateRoute CreateRouteTable DeleteRoute DeleteRouteTable DisableRouteServerPropagation DisableVgwRoutePropagation
			DisassociateRouteTable EnableRouteServerPropagation EnableVgwRoutePropagation ReplaceRoute ReplaceRouteTableAssociation`},
	{kinds: []asset.Kind{asset.KindSecurityGroup}, calls: `
			AssociateSecurityGroupVpc AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup DeleteSecurityGroup
			DisassociateSecurityGroupVpc ModifySecurityGroupRules RevokeSecurityGroupEgress RevokeSecurityGroupIngress
			UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress`},
	{kinds: []asset.Kind{asset.KindSnapshot}, calls: `
			CopySnapshot CreateSnapshot CreateSnapshots DeleteSnapshot ImportSnapshot LockSnapshot ModifySnapshotAttribute ModifySnapshotTier
			ResetSnapshotAttribute RestoreSnapshotFromRecycleBin RestoreSnapshotTier UnlockSnapshot`},
	{kinds: []asset.Kind{asset.KindSubnet}, calls: `
			AssociateSubnetCidrBlock DisassociateSubnetCidrBlock ModifySubnetAttribute`},
	{kinds: []asset.Kind{asset.KindSubnet, asset.KindNetworkACL, asset.KindRouteTable}, calls: `
			CreateSubnet DeleteSubnet`},
	{kinds: []asset.Kind{asset.KindSubnet, asset.KindRouteTable, asset.KindNetworkACL, asset.KindInternetGateway}, calls: `
			CreateDefaultSubnet`},
	{kinds: []asset.Kind{asset.KindTransitAttachment}, calls: `
			AcceptTransitGatewayClientVpnAttachment DeleteTransitGatewayClientVpnAttachment RejectTransitGatewayClientVpnAttachment`},
	{kinds: []asset.Kind{asset.KindTransitAttachment, asset.KindTransitRouteTable}, calls: `
			AcceptTransitGatewayPeeringAttachment CreateTransitGatewayConnect CreateTransitGatewayConnectPeer CreateTransitGatewayPeeringAttachment
			DeleteTransitGatewayConnect DeleteTransitGatewayConnectPeer DeleteTransitGatewayPeeringAttachment RejectTransitGatewayPeeringAttachment`},
	{kinds: []asset.Kind{asset.KindTransitAttachment, asset.KindTransitRouteTable, asset.KindNetworkInterface}, calls: `
			AcceptTransitGatewayVpcAttachment CreateTransitGatewayVpcAttachment DeleteTransitGatewayVpcAttachment ModifyTransitGatewayVpcAttachment
			RejectTransitGatewayVpcAttachment`},
	{kinds: []asset.Kind{asset.KindTransitGateway, asset.KindTransitRouteTable, asset.KindTransitAttachment}, calls: `
			CreateTransitGateway DeleteTransitGateway ModifyTransitGateway`},
	{kinds: []asset.Kind{asset.KindTransitRouteTable}, calls: `
			CreateTransitGatewayPrefixListReference CreateTransitGatewayRoute DeleteTransitGatewayPrefixListReference DeleteTransitGatewayRoute
			ExportTransitGatewayRoutes ModifyTransitGatewayPrefixListReference ReplaceTransitGatewayRoute`},
	{kinds: []asset.Kind{asset.KindTransitRouteTable, asset.KindTransitAttachment}, calls: `
			AssociateTransitGatewayRouteTable CreateTransitGatewayRouteTable CreateTransitGatewayRouteTableAnnouncement DeleteTransitGatewayRouteTable
			DeleteTransitGatewayRouteTableAnnouncement DisableTransitGatewayRouteTablePropagation DisassociateTransitGatewayRouteTable
			EnableTransitGatewayRouteTablePropagation`},
	{kinds: []asset.Kind{asset.KindVPC}, calls: `
			AssociateDhcpOptions AssociateVpcCidrBlock CreateDhcpOptions DeleteDhcpOptions DisassociateVpcCidrBlock ModifyVpcAttribute ModifyVpcTenancy`},
	{kinds: []asset.Kind{asset.KindVPC, asset.KindSubnet, asset.KindRouteTable, asset.KindNetworkACL, asset.KindSecurityGroup, asset.KindInternetGateway}, calls: `
			CreateDefaultVpc CreateVpc DeleteVpc`},
	{kinds: []asset.Kind{asset.KindVPNConnection}, calls: `
			CreateVpnConnection CreateVpnConnectionRoute DeleteVpnConnection DeleteVpnConnectionRoute ModifyVpnConnection ModifyVpnConnectionOptions
			ModifyVpnTunnelCertificate ModifyVpnTunnelOptions ReplaceVpnTunnel`},
	{kinds: []asset.Kind{asset.KindVPNGateway}, calls: `
			AttachVpnGateway CreateVpnGateway DeleteVpnGateway DetachVpnGateway`},
	{kinds: []asset.Kind{asset.KindVolume}, calls: `
			CopyVolumes CreateVolume DeleteVolume DisableEbsEncryptionByDefault EnableEbsEncryptionByDefault EnableVolumeIO ImportVolume
			ModifyEbsDefaultKmsKeyId ModifyVolume ModifyVolumeAttribute ResetEbsDefaultKmsKeyId RestoreVolumeFromRecycleBin`},
	{kinds: []asset.Kind{asset.KindVolume, asset.KindInstance}, calls: `
			AttachVolume DetachVolume`},
	{kinds: []asset.Kind{asset.KindVolume, asset.KindSnapshot}, calls: `
			CancelImportTask`},
	{kinds: nil, calls: `
			AcceptCapacityReservationBillingOwnership AcceptReservedInstancesExchangeQuote AcceptTransitGatewayMulticastDomainAssociations
			AdvertiseByoipCidr AllocateHosts AllocateIpamPoolCidr AssociateCapacityReservationBillingOwner AssociateEnclaveCertificateIamRole
			AssociateInstanceEventWindow AssociateIpamByoasn AssociateIpamResourceDiscovery AssociateRouteServer AssociateTransitGatewayMulticastDomain
			AssociateTransitGatewayPolicyTable AttachVerifiedAccessTrustProvider AuthorizeClientVpnIngress BundleInstance CancelBundleTask
			CancelCapacityReservation CancelCapacityReservationFleets CancelDeclarativePoliciesReport CancelExportTask CancelReservedInstancesListing
			ConfirmProductInstance CopyFpgaImage CreateCapacityManagerDataExport CreateCapacityReservation CreateCapacityReservationBySplitting
			CreateCapacityReservationFleet CreateCarrierGateway CreateClientVpnEndpoint CreateClientVpnRoute CreateCoipCidr CreateCoipPool
			CreateDelegateMacVolumeOwnershipTask CreateFpgaImage CreateImageUsageReport CreateInstanceEventWindow CreateInstanceExportTask
			CreateInterruptibleCapacityReservationAllocation CreateIpam CreateIpamExternalResourceVerificationToken CreateIpamPolicy CreateIpamPool
			CreateIpamPrefixListResolver CreateIpamPrefixListResolverTarget CreateIpamResourceDiscovery CreateIpamScope CreateLaunchTemplate
			CreateLaunchTemplateVersion CreateLocalGatewayRoute CreateLocalGatewayRouteTable
			CreateLocalGatewayRouteTableVirtualInterfaceGroupAssociation CreateLocalGatewayRouteTableVpcAssociation CreateLocalGatewayVirtualInterface
			CreateLocalGatewayVirtualInterfaceGroup CreateMacSystemIntegrityProtectionModificationTask CreateNetworkInsightsAccessScope
			CreateNetworkInsightsPath CreateNetworkInterfacePermission CreatePlacementGroup CreatePublicIpv4Pool CreateReservedInstancesListing
			CreateRouteServer CreateRouteServerEndpoint CreateRouteServerPeer CreateSecondaryNetwork CreateSecondarySubnet
			CreateSpotDatafeedSubscription CreateStoreImageTask CreateSubnetCidrReservation CreateTrafficMirrorFilter CreateTrafficMirrorFilterRule
			CreateTrafficMirrorSession CreateTrafficMirrorTarget CreateTransitGatewayMeteringPolicy CreateTransitGatewayMeteringPolicyEntry
			CreateTransitGatewayMulticastDomain CreateTransitGatewayPolicyTable CreateVerifiedAccessGroup CreateVerifiedAccessInstance
			CreateVerifiedAccessTrustProvider CreateVpcEncryptionControl CreateVpcEndpointConnectionNotification CreateVpcEndpointServiceConfiguration
			CreateVpnConcentrator DeleteCapacityManagerDataExport DeleteCarrierGateway DeleteClientVpnEndpoint DeleteClientVpnRoute DeleteCoipCidr
			DeleteCoipPool DeleteFpgaImage DeleteImageUsageReport DeleteInstanceEventWindow DeleteIpam DeleteIpamExternalResourceVerificationToken
			DeleteIpamPolicy DeleteIpamPool DeleteIpamPrefixListResolver DeleteIpamPrefixListResolverTarget DeleteIpamResourceDiscovery DeleteIpamScope
			DeleteLaunchTemplate DeleteLaunchTemplateVersions DeleteLocalGatewayRoute DeleteLocalGatewayRouteTable
			DeleteLocalGatewayRouteTableVirtualInterfaceGroupAssociation DeleteLocalGatewayRouteTableVpcAssociation DeleteLocalGatewayVirtualInterface
			DeleteLocalGatewayVirtualInterfaceGroup DeleteNetworkInsightsAccessScope DeleteNetworkInsightsAccessScopeAnalysis
			DeleteNetworkInsightsAnalysis DeleteNetworkInsightsPath DeleteNetworkInterfacePermission DeletePlacementGroup DeletePublicIpv4Pool
			DeleteQueuedReservedInstances DeleteRouteServer DeleteRouteServerEndpoint DeleteRouteServerPeer DeleteSecondaryNetwork DeleteSecondarySubnet
			DeleteSpotDatafeedSubscription DeleteSubnetCidrReservation DeleteTrafficMirrorFilter DeleteTrafficMirrorFilterRule
			DeleteTrafficMirrorSession DeleteTrafficMirrorTarget DeleteTransitGatewayMeteringPolicy DeleteTransitGatewayMeteringPolicyEntry
			DeleteTransitGatewayMulticastDomain DeleteTransitGatewayPolicyTable DeleteVerifiedAccessGroup DeleteVerifiedAccessInstance
			DeleteVerifiedAccessTrustProvider DeleteVpcEncryptionControl DeleteVpcEndpointConnectionNotifications DeleteVpcEndpointServiceConfigurations
			DeleteVpnConcentrator DeprovisionByoipCidr DeprovisionIpamByoasn DeprovisionIpamPoolCidr DeprovisionPublicIpv4PoolCidr
			DeregisterInstanceEventNotificationAttributes DeregisterTransitGatewayMulticastGroupMembers DeregisterTransitGatewayMulticastGroupSources
			DetachVerifiedAccessTrustProvider DisableAllowedImagesSettings DisableAwsNetworkPerformanceMetricSubscription DisableCapacityManager
			DisableFastLaunch DisableFastSnapshotRestores DisableImageBlockPublicAccess DisableInstanceSqlHaStandbyDetections
			DisableIpamOrganizationAdminAccount DisableIpamPolicy DisableSerialConsoleAccess DisableSnapshotBlockPublicAccess
			DisassociateCapacityReservationBillingOwner DisassociateEnclaveCertificateIamRole DisassociateInstanceEventWindow DisassociateIpamByoasn
			DisassociateIpamResourceDiscovery DisassociateRouteServer DisassociateTransitGatewayMulticastDomain DisassociateTransitGatewayPolicyTable
			EnableAllowedImagesSettings EnableAwsNetworkPerformanceMetricSubscription EnableCapacityManager EnableFastLaunch EnableFastSnapshotRestores
			EnableImageBlockPublicAccess EnableInstanceSqlHaStandbyDetections EnableIpamOrganizationAdminAccount EnableIpamPolicy
			EnableReachabilityAnalyzerOrganizationSharing EnableSerialConsoleAccess EnableSnapshotBlockPublicAccess
			ExportClientVpnClientCertificateRevocationList ExportClientVpnClientConfiguration ExportImage
			ExportVerifiedAccessInstanceClientConfiguration ImportClientVpnClientCertificateRevocationList ModifyAvailabilityZoneGroup
			ModifyCapacityReservation ModifyCapacityReservationFleet ModifyClientVpnEndpoint ModifyDefaultCreditSpecification ModifyFpgaImageAttribute
			ModifyHosts ModifyIdFormat ModifyIdentityIdFormat ModifyInstanceCapacityReservationAttributes ModifyInstanceEventStartTime
			ModifyInstanceEventWindow ModifyInstanceMetadataDefaults ModifyIpam ModifyIpamPolicyAllocationRules ModifyIpamPool ModifyIpamPoolAllocation
			ModifyIpamPrefixListResolver ModifyIpamPrefixListResolverTarget ModifyIpamResourceCidr ModifyIpamResourceDiscovery ModifyIpamScope
			ModifyLaunchTemplate ModifyLocalGatewayRoute ModifyManagedResourceVisibility ModifyReservedInstances ModifyRouteServer
			ModifyTrafficMirrorFilterNetworkServices ModifyTrafficMirrorFilterRule ModifyTrafficMirrorSession ModifyTransitGatewayMeteringPolicy
			ModifyVerifiedAccessEndpointPolicy ModifyVerifiedAccessGroup ModifyVerifiedAccessGroupPolicy ModifyVerifiedAccessInstance
			ModifyVerifiedAccessInstanceLoggingConfiguration ModifyVerifiedAccessTrustProvider ModifyVpcEncryptionControl
			ModifyVpcEndpointConnectionNotification ModifyVpcEndpointServiceConfiguration ModifyVpcEndpointServicePayerResponsibility
			ModifyVpcEndpointServicePermissions MoveByoipCidrToIpam MoveCapacityReservationInstances ProvisionByoipCidr ProvisionIpamByoasn
			ProvisionIpamPoolCidr ProvisionPublicIpv4PoolCidr PurchaseCapacityBlock PurchaseCapacityBlockExtension PurchaseHostReservation
			PurchaseReservedInstancesOffering PurchaseScheduledInstances RegisterInstanceEventNotificationAttributes
			RegisterTransitGatewayMulticastGroupMembers RegisterTransitGatewayMulticastGroupSources RejectCapacityReservationBillingOwnership
			RejectTransitGatewayMulticastDomainAssociations ReleaseHosts ReleaseIpamPoolAllocation ReplaceImageCriteriaInAllowedImagesSettings
			ReportInstanceStatus ResetFpgaImageAttribute RevokeClientVpnIngress SendDiagnosticInterrupt StartDeclarativePoliciesReport
			StartNetworkInsightsAccessScopeAnalysis StartNetworkInsightsAnalysis StartVpcEndpointServicePrivateDnsVerification
			TerminateClientVpnConnections UpdateCapacityManagerMonitoredTagKeys UpdateCapacityManagerOrganizationsAccess
			UpdateInterruptibleCapacityReservationAllocation WithdrawByoipCidr`},
})
