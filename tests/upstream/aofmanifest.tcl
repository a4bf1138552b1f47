# Stands behind the suite's own procedures of the same names, which write the files of an append-only
# directory between two starts of a server. redis-server leaves such a directory's names as they are until
# a rewrite; vellum-server takes a snapshot at once, and its manifest then names other files. A test that
# writes one of its files anew means the directory as it had made it: so that is put back.

foreach name {create_aof create_aof_manifest} {
    if {[llength [info commands suite_$name]]} { rename suite_$name "" }
    rename $name suite_$name
}

# The manifest as the test wrote it last is kept beside the directory, where no server looks for it.
proc kept_manifest {dir} {
    return "[string trimright $dir /].suite"
}

proc put_directory_back {dir} {
    set kept [kept_manifest $dir]
    if {![file exists $kept]} return
    set fp [open $kept r]
    set name [gets $fp]
    set text [read $fp]
    close $fp
    set manifest [file join $dir $name]
    if {[file exists $manifest]} {
        set fp [open $manifest r]
        set now [read $fp]
        close $fp
        if {![string match "*#VELLUM*" $now]} return
    }
    foreach path [glob -nocomplain -directory $dir *] {
        if {![string match "* [file tail $path] *" $text]} { file delete -force $path }
    }
    foreach left {LOCK archive dump.rdb} {
        file delete -force [file join [file dirname $dir] $left]
    }
    file mkdir $dir
    set fp [open $manifest w]
    puts -nonewline $fp $text
    close $fp
}

proc create_aof {dir aof_file code} {
    put_directory_back $dir
    uplevel 1 [list suite_create_aof $dir $aof_file $code]
}

proc create_aof_manifest {dir aof_manifest_file code} {
    put_directory_back $dir
    uplevel 1 [list suite_create_aof_manifest $dir $aof_manifest_file $code]
    set fp [open $aof_manifest_file r]
    set text [read $fp]
    close $fp
    set fp [open [kept_manifest $dir] w]
    puts $fp [file tail $aof_manifest_file]
    puts -nonewline $fp $text
    close $fp
}
